"""The change of links of SRigL: from values and indices alone, with the dense gradient some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.sparsify.fan_in import largest, without_excess

PART = 2**19  # numbers of the dense gradient that are there at a time, 2 MB

GradientRows = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class Links:
    """A layer with the same number of inputs for every neuron.

    Attributes
    ----------
    values : Tensor [N, K]
    index : int64 Tensor [N, K]
    active : bool Tensor [N]
        Neurons that are not ablated; what stands in the rows of the others does not count.
    inputs : int
    gradient : callable (first, last) -> Tensor [last - first, inputs]
        Rows of the loss's gradient by every place, linked or not.
    """

    values: Tensor
    index: Tensor
    active: Tensor
    inputs: int
    gradient: GradientRows

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """(rows, magnitude of their gradient), some rows at a time."""
        step = max(1, PART // self.inputs)
        for first in range(0, len(self.values), step):
            last = min(len(self.values), first + step)
            yield slice(first, last), self.gradient(first, last).abs()


def rewired(links: Links, *, nonzeros: int, share: float, gamma_sal: float | None) -> tuple[Tensor, Tensor]:
    """Return index [N, K'] and active [N] after one change of links (spec 2.5, steps 1 to 5).

    Parameters
    ----------
    nonzeros : int
        Links of the layer before rounding to whole rows.
    share : float
        Of the links, to be replaced.
    gamma_sal : float, optional
        Ablation as in `SRigL`; None keeps every neuron.

    Notes
    -----
    Two things are done differently from the official code, both said to be oversights there: only links that are there are kept
    (not places whose weight is zero), and the surplus of a row goes by magnitude (not by place).
    """
    magnitude = torch.where(links.active[:, None], links.values.abs(), -1.0)
    count = int(links.active.sum()) * links.index.shape[1]
    keep = min(count - int(share * count), int((magnitude > 0).sum()))
    active = torch.ones_like(links.active)
    if gamma_sal is not None:
        active = survivors(_salient(links, magnitude, keep, count - keep), nonzeros, links.inputs, gamma_sal)
    fan_in = nonzeros // int(active.sum())
    score = torch.where(active[:, None], magnitude, -1.0)
    kept = without_excess(largest(score, keep) & (score > 0), links.values, fan_in)
    index = [_filled_up(gradient, links.index[rows], kept[rows], fan_in) for rows, gradient in links.parts()]
    return torch.cat(index), active


def survivors(salient: Tensor, nonzeros: int, inputs: int, gamma_sal: float) -> Tensor:
    """Return which neurons [N] have salient links enough; never so few neurons that they could not hold the layer's links."""
    outputs = len(salient)
    threshold = int(gamma_sal) if gamma_sal >= 1 else max(1, int(gamma_sal * (nonzeros // outputs)))
    fewest = min(outputs - 1, nonzeros // inputs)
    guard = int(salient.sort(descending=True).values[fewest])
    return salient >= min(threshold, guard)


def _salient(links: Links, magnitude: Tensor, keep: int, prune: int) -> Tensor:
    """Salient places of each neuron: the `keep` largest weights of the layer and the `prune` largest gradients, counted once."""
    by_weight = largest(magnitude, keep)
    counts = by_weight.sum(1)
    if prune == 0:
        return counts
    threshold = _threshold(links, prune)
    for rows, gradient in links.parts():
        by_gradient = (gradient >= threshold) & (gradient > 0)
        both = by_gradient.gather(1, links.index[rows]) & by_weight[rows]
        counts[rows] += by_gradient.sum(1) - both.sum(1)
    return counts


def _threshold(links: Links, count: int) -> Tensor:
    """The `count`-th largest gradient of the layer."""
    best, least = links.values.new_empty(0), -1.0
    for _, gradient in links.parts():
        found = torch.cat([best, gradient[gradient > least]])  # what is smaller is not among them for certain
        if len(found) > count:
            best = found.topk(count, sorted=False).values
            least = float(best.min())
        else:
            best = found
    return best.min()


def _filled_up(gradient: Tensor, index: Tensor, kept: Tensor, fan_in: int) -> Tensor:
    """Columns [rows, fan_in], ascending: the kept links, then those of largest gradient."""
    first = torch.where(kept, float("inf"), gradient.gather(1, index))
    score = gradient.clone().scatter_(1, index, first)
    return score.topk(fan_in, dim=1, sorted=False).indices.sort(dim=1).values
