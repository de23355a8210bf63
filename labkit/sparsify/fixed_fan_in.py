"""The update of SRigL on values and indices alone, with the dense gradient computed some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.sparsify.selection import largest, without_excess

PART = 2**19  # entries of the dense gradient in memory at a time: 2 MB in float32

GradientRows = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class Connections:
    """The connections of a layer with a fixed fan-in (the paper's "constant fan-in").

    Attributes
    ----------
    values : Tensor [N, K]
    index : int64 Tensor [N, K]
    active : bool Tensor [N]
        Neurons that are not ablated; the rows of the others are ignored.
    inputs : int
    gradient : callable (first, last) -> Tensor [last - first, inputs]
        Rows of the gradient of the loss with respect to every entry, connected or not.
    """

    values: Tensor
    index: Tensor
    active: Tensor
    inputs: int
    gradient: GradientRows

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield (rows, magnitude of their gradient), some rows at a time."""
        step = max(1, PART // self.inputs)
        for first in range(0, len(self.values), step):
            last = min(len(self.values), first + step)
            yield slice(first, last), self.gradient(first, last).abs()


def rewired(layer: Connections, *, nonzeros: int, share: float, gamma_sal: float | None) -> tuple[Tensor, Tensor]:
    """Return the connections after one update of SRigL (Lasby et al. 2024, section 3).

    Parameters
    ----------
    layer : Connections
    nonzeros : int
        Connections of the layer before rounding to whole rows.
    share : float
        Fraction of the connections to replace.
    gamma_sal : float, optional
        Ablation as in `SRigL`; None keeps every neuron.

    Returns
    -------
    index : int64 Tensor [N, K']
    active : bool Tensor [N]

    Notes
    -----
    Two things differ from the official code, both oversights there: only existing connections are kept (not entries whose weight
    is zero), and the excess of a row is dropped by magnitude (not by position).
    """
    magnitude = torch.where(layer.active[:, None], layer.values.abs(), -1.0)
    count = int(layer.active.sum()) * layer.index.shape[1]
    keep = min(count - int(share * count), int((magnitude > 0).sum()))
    active = torch.ones_like(layer.active)
    if gamma_sal is not None:
        active = survivors(_salient(layer, magnitude, keep, count - keep), nonzeros, layer.inputs, gamma_sal)
    fan_in = nonzeros // int(active.sum())
    score = torch.where(active[:, None], magnitude, -1.0)
    kept = without_excess(largest(score, keep) & (score > 0), layer.values, fan_in)
    index = [_filled_up(gradient, layer.index[rows], kept[rows], fan_in) for rows, gradient in layer.parts()]
    return torch.cat(index), active


def survivors(salient: Tensor, nonzeros: int, inputs: int, gamma_sal: float) -> Tensor:
    """Return which neurons have enough salient connections; at least as many as are needed to hold the layer's connections.

    Parameters
    ----------
    salient : int Tensor [N]
        Salient connections of each neuron.
    nonzeros, inputs : int
        Of the layer.
    gamma_sal : float
        As in `SRigL`.

    Returns
    -------
    bool Tensor [N]
    """
    outputs = len(salient)
    threshold = int(gamma_sal) if gamma_sal >= 1 else max(1, int(gamma_sal * (nonzeros // outputs)))
    fewest = min(outputs - 1, nonzeros // inputs)
    guard = int(salient.sort(descending=True).values[fewest])
    return salient >= min(threshold, guard)


def _salient(layer: Connections, magnitude: Tensor, keep: int, prune: int) -> Tensor:
    """Salient entries of each neuron: the `keep` largest weights of the layer and the `prune` largest gradients, counted once."""
    by_weight = largest(magnitude, keep)
    counts = by_weight.sum(1)
    if prune == 0:
        return counts
    threshold = _threshold(layer, prune)
    for rows, gradient in layer.parts():
        by_gradient = (gradient >= threshold) & (gradient > 0)
        both = by_gradient.gather(1, layer.index[rows]) & by_weight[rows]
        counts[rows] += by_gradient.sum(1) - both.sum(1)
    return counts


def _threshold(layer: Connections, count: int) -> Tensor:
    """The `count`-th largest gradient of the layer."""
    best, least = layer.values.new_empty(0), -1.0
    for _, gradient in layer.parts():
        found = torch.cat([best, gradient[gradient > least]])  # smaller ones cannot be among the largest
        if len(found) > count:
            best = found.topk(count, sorted=False).values
            least = float(best.min())
        else:
            best = found
    return best.min()


def _filled_up(gradient: Tensor, index: Tensor, kept: Tensor, fan_in: int) -> Tensor:
    """Columns [rows, fan_in], ascending: the kept connections, then those of largest gradient."""
    first = torch.where(kept, float("inf"), gradient.gather(1, index))
    score = gradient.clone().scatter_(1, index, first)
    return score.topk(fan_in, dim=1, sorted=False).indices.sort(dim=1).values
