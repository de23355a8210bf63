"""The feed-forward blocks of a network, found by their shapes, and which of them can share a basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from labkit.compress.pointwise import is_pointwise, sides


@dataclass(frozen=True)
class MLP:
    """A feed-forward block: linear layers d -> p (two where it is gated), an activation, and a linear layer p -> d.

    Convolutions of one place (1x1) are linear layers over channels.

    Parameters
    ----------
    up : tuple of str
        Paths of the layers that widen.
    down : str
        Path of the layer that narrows.
    width : int
        d.
    """

    up: tuple[str, ...]
    down: str
    width: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of all its layers, in module order."""
        return (*self.up, self.down)

    @property
    def name(self) -> str:
        """Common prefix of its paths."""
        parts = [path.split(".") for path in self.paths]
        shared = []
        for words in zip(*parts, strict=False):
            if len(set(words)) > 1:
                break
            shared.append(words[0])
        return ".".join(shared)


def find_mlps(model: nn.Module) -> list[MLP]:
    """Return the feed-forward blocks of a network in module order.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    list of MLP

    Notes
    -----
    A block is, of the linear layers in module order, one or two d -> p followed by one p -> d with p > d (or p -> d where the first
    gives 2 p, a gate and its values in one), within one module or in modules side by side. That takes in timm's VisionTransformer,
    DeiT, Swin, MLP-Mixer and ConvNeXt, encoders as BERT has them, and gated blocks (gate, up, down). The layers may instead all be
    1x1 convolutions with no other convolution between them, as in small ConvNeXts, InceptionNeXt and PoolFormer; the bottlenecks
    and inverted residuals of CNNs, which look at neighbouring places in between, are no feed-forward blocks.
    """
    runs = _runs(model)
    found = [block for layers in runs for block in _blocks(layers)]
    order = {path: place for place, (path, _) in enumerate(model.named_modules())}
    return sorted(found, key=lambda block: order[block.up[0]])


def _runs(model: nn.Module) -> list[list[tuple[str, nn.Module]]]:
    """Sequences of layers in which blocks are looked for: all linear layers, and 1x1 convolutions between other convolutions."""
    linears: list[tuple[str, nn.Module]] = []
    runs: list[list[tuple[str, nn.Module]]] = [linears, []]
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            linears.append((path, layer))
        elif is_pointwise(layer):
            runs[-1].append((path, layer))
        elif isinstance(layer, nn.modules.conv._ConvNd):
            runs.append([])
    return runs


def _blocks(layers: Sequence[tuple[str, nn.Module]]) -> list[MLP]:
    """The blocks among layers in module order."""
    found, place = [], 0
    while place < len(layers) - 1:
        block = _block(layers, place, ups=2) or _block(layers, place, ups=1)
        if block is not None:
            found.append(block)
        place += 1 if block is None else len(block.paths)
    return found


def _block(layers: Sequence[tuple[str, nn.Module]], place: int, ups: int) -> MLP | None:
    """The block of `ups` widening layers that begins at `place`, if one does."""
    parts = layers[place : place + ups + 1]
    if len(parts) < ups + 1:
        return None
    *first, (down, last) = parts
    width, hidden = sides(first[0][1])
    narrows = sides(last)
    alike = all(sides(layer) == (width, hidden) for _, layer in first)
    packed = ups == 1 and hidden == 2 * narrows[0]
    fits = narrows[1] == width and (narrows[0] == hidden or packed) and narrows[0] > width
    if not alike or not fits or not _beside([path for path, _ in parts]):
        return None
    return MLP(tuple(path for path, _ in first), down, width)


def _beside(paths: Sequence[str]) -> bool:
    """Whether layers are in one module or in modules side by side, e.g. ``intermediate.dense`` and ``output.dense``."""
    owners = [path.split(".")[:-1] for path in paths]
    if all(owner == owners[0] for owner in owners):
        return True
    # one step further up, but not two blocks of a list, whose names are numbers
    return all(owner[:-1] == owners[0][:-1] and owner and not owner[-1].isdigit() for owner in owners)


def group_mlps(model: nn.Module, mlps: Sequence[MLP], groups: str | int | Sequence[Sequence[int]] = "auto") -> list[list[MLP]]:
    """Put blocks of one width into groups that will share a basis.

    Parameters
    ----------
    model : nn.Module
    mlps : sequence of MLP
        As `find_mlps` returns them.
    groups : "auto", int, or lists of block numbers
        "auto" takes up to four consecutive blocks, as the paper does; a number takes that many; lists name the blocks, counted
        from 0, and leave out the others. A group ends where the width changes.

    Returns
    -------
    list of lists of MLP

    Raises
    ------
    ValueError
        When there is no block, a number is out of range or in two groups, or a group would cross a change of width.
    """
    if not mlps:
        raise ValueError(
            "the network has no feed-forward block (linear d -> p, activation, linear p -> d with p > d) that could share a basis; "
            "transformers have them, e.g. vit_fashion"
        )
    if isinstance(groups, Sequence) and not isinstance(groups, str) and all(isinstance(group, Sequence) for group in groups):
        return _named_groups(mlps, groups)
    size = 4 if groups == "auto" else groups
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"groups must be 'auto', a number of blocks from 1 up, or lists of block numbers, got {groups!r}")
    made: list[list[MLP]] = []
    filling: dict[tuple, list[MLP]] = {}  # sizes may take turns, as in an MLP-Mixer
    for mlp in mlps:
        sizes = _sizes(model, mlp)
        if len(filling.get(sizes, [])) % size == 0:
            filling[sizes] = []
            made.append(filling[sizes])
        filling[sizes].append(mlp)
    return made


def _sizes(model: nn.Module, mlp: MLP) -> tuple:
    """Width, and the wide sides of its layers."""
    return mlp.width, tuple(sorted(max(sides(model.get_submodule(path))) for path in mlp.paths))


def _named_groups(mlps: Sequence[MLP], groups: Sequence[Sequence[int]]) -> list[list[MLP]]:
    numbers = [number for group in groups for number in group]
    for number in numbers:
        if not isinstance(number, int) or not 0 <= number < len(mlps):
            raise ValueError(f"groups name blocks from 0 to {len(mlps) - 1}, got {number!r}")
    if len(set(numbers)) < len(numbers):
        raise ValueError("a block can be in one group only; some number comes twice in groups")
    made = [[mlps[number] for number in group] for group in groups if len(group)]
    if not made:
        raise ValueError("groups names no block; give lists of block numbers, e.g. [[0, 1], [2, 3]]")
    for group in made:
        widths = sorted({mlp.width for mlp in group})
        if len(widths) > 1:
            raise ValueError(f"a group cannot share one basis across widths {' and '.join(map(str, widths))}; split it there")
    return made
