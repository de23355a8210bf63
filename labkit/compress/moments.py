"""Mean and second moments of the inputs of layers, over the calibration inputs of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from labkit.compress.inputs import Inputs, called, length_of, rows_of, without_padding

PART = 128  # examples at a time
ROOM = 1e9  # bytes of moments that are kept at once


class Moments:
    """Running mean and second moments of the inputs of a layer.

    Parameters
    ----------
    width : int
        Input features D.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.total = torch.zeros(width, dtype=torch.float64)
        self.square = torch.zeros(width, width, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        """Add the rows of x [..., D]."""
        rows = x.detach().reshape(-1, x.shape[-1]).float()
        self.count += len(rows)
        self.total += rows.sum(0).double()
        self.square += (rows.t() @ rows).double()

    @property
    def mean(self) -> Tensor:
        """Mean, [D]."""
        return (self.total / self.count).float()

    @property
    def second(self) -> Tensor:
        """Second moments about zero, damped, [D, D]."""
        return _damped(self.square / self.count)

    @property
    def covariance(self) -> Tensor:
        """Covariance, damped, [D, D]."""
        mean = self.total / self.count
        return _damped(self.square / self.count - torch.outer(mean, mean))


def _damped(moments: Tensor) -> Tensor:
    """Add damping of 1e-6 x mean variance to the diagonal (in place): directions without data stay determined."""
    moments.diagonal().add_(1e-6 * moments.diagonal().mean().clamp(min=1e-30))
    return moments.float()


def input_moments(model: nn.Module, paths: Sequence[str], inputs: Inputs) -> dict[str, Moments]:
    """Return the moments of the inputs of linear layers, padding of texts excluded.

    Parameters
    ----------
    model : nn.Module
        Run in eval mode without gradients; its mode is restored.
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
    found = {path: Moments(layer.in_features) for path, layer in layers.items()}  # type: ignore[arg-type]
    some = inputs
    hooks = [
        layer.register_forward_pre_hook(lambda module, given, path=path: found[path].add(*without_padding(some, given[0])))
        for path, layer in layers.items()
    ]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, length_of(inputs), PART):
                some = rows_of(inputs, slice(first, first + PART))
                called(model, some)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return found


def moments_by_group(model: nn.Module, groups: Sequence[Sequence[str]], inputs: Inputs) -> Iterator[dict[str, Moments]]:
    """Yield the `input_moments` of each group of layers; one forward pass serves as many groups as fit into 1 GB of moments.

    Parameters
    ----------
    model : nn.Module
    groups : sequence of sequences of str
        Paths of linear layers.
    inputs : Tensor or dict of Tensors

    Yields
    ------
    dict of str to Moments
    """
    layers: dict[str, Any] = {path: model.get_submodule(path) for group in groups for path in group}
    sizes = [sum(8 * layers[path].in_features ** 2 for path in group) for group in groups]
    first = 0
    while first < len(groups):
        last = first + 1
        while last < len(groups) and sum(sizes[first : last + 1]) <= ROOM:
            last += 1
        found = input_moments(model, [path for group in groups[first:last] for path in group], inputs)
        for group in groups[first:last]:
            yield {path: found.pop(path) for path in group}
        first = last
