"""Which layers a method touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from labkit.compress.mlps import find_mlps
from labkit.compress.replace import replaced
from labkit.compress.rest import other_kinds
from labkit.compress.selection import Selection, remember
from labkit.layers import is_registered
from labkit.layers.closed import closed_layers
from labkit.layers.order import first_and_last
from labkit.layers.plain import folded, how_computed, is_computed
from labkit.layers.sentences import stays_dense
from labkit.layers.ties import users_of_weights
from labkit.words import shortly

__all__ = ["Layers", "check_float32", "replaced", "select_layers"]

MOST_PATTERNS, LONGEST = 10_000, 1_000  # patterns of layer names, and characters of one
Layers = str | Sequence[str] | Callable[[str, nn.Module], bool]


def select_layers(
    model: nn.Module, layers: Layers = "all", kinds: tuple[type[nn.Module], ...] = (nn.Linear,)
) -> dict[str, nn.Module]:
    """Return path -> layer of every layer of `kinds` that the filter takes, in module order.

    Layers that nothing can stand for are left out: those that compute something else than torch's class, that the network reads
    past their forward (``F.linear(x, self.qkv.weight)``), or whose weight is tied to something else. `replaced` attaches a note
    that says which and why (see `labkit.layers.notes_of`). Of several layers with one weight the first is returned, and `replaced`
    lets the others follow.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    layers : "all", "inner", "mlp", a pattern such as ``"blocks.*.mlp.fc1"``, a list of patterns, or callable (path, layer) -> bool
        "inner" leaves out the first and the last layer, which most works keep dense: in the order in which they are called, as far
        as the source tells, else in module order.
        "mlp" takes the linear layers of transformer feed-forward blocks, as `find_mlps` finds them.
    kinds : tuple of classes

    Returns
    -------
    dict of str to nn.Module
        The layers of the network; in place of one whose weight is computed (``weight_norm``, ``torch.nn.utils.prune`` …) a plain
        layer with the weight that it has now.

    Raises
    ------
    ValueError
        When nothing matches, or a weight is not finite.
    TypeError
        When the filter is neither strings nor a callable.
    """
    _check_filter(layers)
    known = {path: layer for path, layer in model.named_modules() if isinstance(layer, kinds) and not is_registered(layer)}
    ends = first_and_last(model) if layers == "inner" else set()
    wanted = [path for path, layer in known.items() if path not in ends and _takes(layers, path, layer)]
    if layers == "mlp":
        wanted = [path for mlp in find_mlps(model) for path in mlp.paths if path in wanted]
    ties = users_of_weights(model)
    closed = closed_layers(model, kinds, ties)
    found = {path: known[path] for path in wanted if path not in closed}
    left = {path: closed[path] for path in wanted if path in closed}
    if not found:
        raise ValueError(_nothing(model, layers, kinds, list(known), left))
    twins = {twin: path for path in found if path in ties for twin in ties[path].twins}
    # the first of each group of twins leads
    found = {path: layer for path, layer in found.items() if twins.get(path) not in list(found)[: list(found).index(path)]}
    selection = Selection(notes=stays_dense(left))
    for path, layer in found.items():
        for twin in ties[path].twins if path in ties else ():
            selection.twins[twin] = path
            if twin not in wanted:
                selection.notes.append(f"layer {twin} is compressed with {path}, whose weight it shares")
        if is_computed(layer):
            found[path] = folded(layer)
            selection.notes.append(f"the weight of {path or 'the network'} was computed by {how_computed(layer)}; it is now fixed")
    for path, layer in found.items():
        if layer.weight.is_meta:
            raise ValueError(f"layer {path!r} is on the device meta, without values; load its weights first")
        if not torch.isfinite(layer.weight.detach()).all():  # type: ignore[operator]
            raise ValueError(f"layer {path!r} has NaN or infinite weights; compress a network whose training has converged")
    if layers in ("all", "inner"):
        selection.notes += other_kinds(model, kinds, ends)
    selection.taken = found
    remember(model, selection)
    return found


def _nothing(model: nn.Module, layers: Layers, kinds: tuple[type[nn.Module], ...], known: list[str], left: dict[str, str]) -> str:
    """The sentence for a filter that takes nothing."""
    if left:
        return f"no layer is left for layers={shortly(layers)}: " + "; ".join(stays_dense(left))
    some = ", ".join(known[:4]) + (", …" if len(known) > 4 else "")
    if isinstance(model, torch.jit.ScriptModule):
        return "a TorchScript network has no layers that could be replaced; give the network in Python that it was made from"
    return f"no layer matches layers={shortly(layers)}; the model has {some or 'no ' + ' or '.join(k.__name__ for k in kinds)}"


def check_float32(model: nn.Module, who: str) -> None:
    """Check that a network can be computed with in float32 on the processor.

    Parameters
    ----------
    model : nn.Module
        A network or a layer.
    who : str
        The method, for the message.

    Raises
    ------
    TypeError
        When a parameter has another dtype or is on another device.
    """
    for name, weight in model.named_parameters():
        if weight.dtype != torch.float32 or weight.device.type != "cpu":
            raise TypeError(
                f"{who} needs float32 weights on the processor, got {weight.dtype} on {weight.device} in {name}; "
                "call .float().cpu()"
            )


def _check_filter(layers: Layers) -> None:
    words = isinstance(layers, str) or (isinstance(layers, Sequence) and all(isinstance(word, str) for word in layers))
    if not (words or callable(layers)):
        raise TypeError(f"layers must be 'all', 'inner', 'mlp', a pattern, a list of patterns or a callable, got {shortly(layers)}")
    patterns = [] if callable(layers) else [layers] if isinstance(layers, str) else list(layers)
    if len(patterns) > MOST_PATTERNS or any(len(pattern) > LONGEST for pattern in patterns):
        raise ValueError(
            f"layers takes up to {MOST_PATTERNS:,} patterns of up to {LONGEST:,} characters, got {shortly(layers, 60)}; "
            "give fewer or shorter ones"
        )


def _takes(layers: Layers, path: str, layer: nn.Module) -> bool:
    """Whether a filter takes the layer by itself; which of all are at an end or in a block is for `select_layers`."""
    if callable(layers):
        return bool(layers(path, layer))
    if layers in ("all", "inner", "mlp"):
        return True
    patterns = [layers] if isinstance(layers, str) else layers
    return any(fnmatchcase(path, pattern) for pattern in patterns)
