"""Mean and second moments of the inputs of layers, over the calibration inputs of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from labkit.compress.inputs import Inputs, called, length_of, rows_of, without_padding
from labkit.compress.pointwise import channels_last, sides
from labkit.untouched import untouched

PART = 128  # examples at a time
ROWS = 16_384  # rows that are held in float64 at a time
ROOM = 1e9  # bytes of moments that are kept at once


class Moments:
    """Running mean and second moments of the inputs of a layer.

    Every part is centred on its own mean before it is squared, and parts are merged as Chan, Golub and LeVeque (1983) do: inputs
    far from zero lose nothing to cancellation.

    Parameters
    ----------
    width : int
        Input features D.
    name : str
        Of the layer, for messages.
    """

    def __init__(self, width: int, name: str = "") -> None:
        self.name = name
        self.count = 0
        self.centre = torch.zeros(width, dtype=torch.float64)
        self.scatter = torch.zeros(width, width, dtype=torch.float64)  # sum of (x - mean)(x - mean)^T

    def add(self, x: Tensor) -> None:
        """Add the rows of x [..., D]."""
        for rows in x.detach().reshape(-1, x.shape[-1]).cpu().split(ROWS):
            if len(rows):
                self._merge(rows)

    def _merge(self, rows: Tensor) -> None:
        wide = rows.double()
        centre = wide.mean(0)
        # products of centred values are exact enough in float32, at half the time
        centred = (wide - centre).to(torch.float64 if rows.dtype == torch.float64 else torch.float32)
        gap, total = centre - self.centre, self.count + len(rows)
        self.scatter += (centred.t() @ centred).double() + torch.outer(gap, gap) * (self.count * len(rows) / total)
        self.centre += gap * (len(rows) / total)
        self.count = total

    @property
    def known(self) -> bool:
        """Whether any input arrived that is not zero everywhere."""
        return self.count > 0 and bool(self.centre.any() or self.scatter.diagonal().any())

    @property
    def varies(self) -> bool:
        """Whether the inputs differ from each other by more than rounding."""
        spread, size = self.scatter.diagonal().sum() / max(self.count, 1), self.centre.square().sum()
        return self.count > 1 and bool(spread > 1e-12 * size) and bool(spread > 1e-30)

    @property
    def mean(self) -> Tensor:
        """Mean, float64 [D]."""
        self._check()
        return self.centre

    @property
    def second(self) -> Tensor:
        """Second moments about zero, damped, float64 [D, D]."""
        self._check()
        spread = self.scatter / max(self.count, 1)
        moments = spread + torch.outer(self.centre, self.centre)
        return _damped(moments, 1e-6 * spread.diagonal().mean() + 1e-12 * moments.diagonal().mean())

    @property
    def covariance(self) -> Tensor:
        """Covariance, damped, float64 [D, D]."""
        self._check()
        spread = self.scatter / max(self.count, 1)
        return _damped(spread, 1e-6 * spread.diagonal().mean())

    def _check(self) -> None:
        if not (self.centre.isfinite().all() and self.scatter.isfinite().all()):
            raise ValueError(
                f"the inputs of {self.name or 'a layer'} overflow or are NaN on the calibration inputs; "
                "scale the calibration inputs as in training, or leave out those examples"
            )


def _damped(moments: Tensor, damping: Tensor) -> Tensor:
    """Add damping to the diagonal (in place): directions without data stay determined."""
    moments.diagonal().add_(damping.clamp(min=1e-36))
    return moments


def input_moments(model: nn.Module, paths: Sequence[str], inputs: Inputs) -> dict[str, Moments]:
    """Return the moments of the inputs of linear layers and of 1x1 convolutions, padding of texts excluded.

    Parameters
    ----------
    model : nn.Module
        Run in eval mode without gradients, and left as it was.
    paths : sequence of str
        Of the layers.
    inputs : Tensor or dict of Tensors
        Calibration inputs.

    Returns
    -------
    dict of str to Moments
        By path.
    """
    layers = {path: model.get_submodule(path) for path in paths}
    found = {path: Moments(sides(layer)[0], path) for path, layer in layers.items()}
    some = inputs

    def see(path: str, layer: nn.Module, arguments: tuple, options: dict) -> None:
        given = arguments[0] if arguments else next(iter(options.values()))  # a layer may be called by keyword
        found[path].add(*without_padding(some, channels_last(layer, given)))

    hooks = [
        layer.register_forward_pre_hook(
            lambda module, arguments, options, path=path: see(path, module, arguments, options), with_kwargs=True
        )
        for path, layer in layers.items()
    ]
    try:
        with untouched(model):
            for first in range(0, length_of(inputs), PART):
                some = rows_of(inputs, slice(first, first + PART))
                called(model, some)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def moments_by_group(model: nn.Module, groups: Sequence[Sequence[str]], inputs: Inputs) -> Iterator[dict[str, Moments]]:
    """Yield the `input_moments` of each group of layers; one forward pass serves as many groups as fit into 1 GB of moments.

    Parameters
    ----------
    model : nn.Module
    groups : sequence of sequences of str
        Paths of linear layers and 1x1 convolutions.
    inputs : Tensor or dict of Tensors

    Yields
    ------
    dict of str to Moments
    """
    sizes = [sum(8 * sides(model.get_submodule(path))[0] ** 2 for path in group) for group in groups]
    first = 0
    while first < len(groups):
        last = first + 1
        while last < len(groups) and sum(sizes[first : last + 1]) <= ROOM:
            last += 1
        found = input_moments(model, [path for group in groups[first:last] for path in group], inputs)
        for group in groups[first:last]:
            yield {path: found.pop(path) for path in group}
        first = last
