"""One update of SRigL, written for reading: dense masks, one line per step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from labkit.seeds import checked_seed


class SRigLSteps(NamedTuple):
    """Everything that happens in one update of a layer with N neurons and D inputs.

    Parameters
    ----------
    weight, gradient : Tensor [N, D]
    mask : bool Tensor [N, D]
        Before the update.
    by_weight, by_gradient : bool Tensor [N, D]
        Salient entries: the largest weights, and the entries of largest gradient.
    active : bool Tensor [N]
        Neurons that are not ablated.
    kept : bool Tensor [N, D]
        Connections that survive pruning.
    grown : bool Tensor [N, D]
        The mask after the update.
    """

    weight: Tensor
    gradient: Tensor
    mask: Tensor
    by_weight: Tensor
    by_gradient: Tensor
    active: Tensor
    kept: Tensor
    grown: Tensor


def largest(score: Tensor, count: int) -> Tensor:
    """Return the mask of the `count` largest entries of a tensor (more where entries are equal).

    Parameters
    ----------
    score : Tensor [N, D]
    count : int
        Below 1 none are selected.

    Returns
    -------
    bool Tensor [N, D]

    Examples
    --------
    >>> largest(torch.tensor([[1.0, 4.0], [3.0, 2.0]]), 2).int().tolist()
    [[0, 1], [1, 0]]
    """
    if count < 1:
        return torch.zeros_like(score, dtype=torch.bool)
    return score >= score.flatten().topk(count).values[-1]


def largest_per_row(score: Tensor, count: int) -> Tensor:
    """Return the mask of the `count` largest entries of each row.

    Parameters
    ----------
    score : Tensor [N, D]
    count : int

    Returns
    -------
    bool Tensor [N, D]

    Examples
    --------
    >>> largest_per_row(torch.tensor([[1.0, 4.0], [3.0, 2.0]]), 1).int().tolist()
    [[0, 1], [1, 0]]
    """
    return score.argsort(dim=1, descending=True).argsort(dim=1) < count


def srigl_steps(weight: Tensor, gradient: Tensor, mask: Tensor, *, share: float, gamma_sal: float) -> SRigLSteps:
    """Return every step of one SRigL update of a layer with fixed fan-in.

    The result is that of ``SRigL(gamma_sal).update``; this form is for study, and slower.

    Parameters
    ----------
    weight, gradient : Tensor [N, D]
        Weights, zero outside the mask, and the gradient of the loss by every entry.
    mask : bool Tensor [N, D]
        Current connections, the same number for every active neuron.
    share : float
        Fraction of the connections to replace.
    gamma_sal : float
        A neuron with fewer salient entries than this fraction of the fan-in is ablated.

    Returns
    -------
    SRigLSteps

    References
    ----------
    Lasby et al., "Dynamic Sparse Training with Structured Sparsity", ICLR 2024, section 3.

    Examples
    --------
    >>> weight = torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
    >>> gradient = torch.tensor([[0.1, 0.2, 0.9], [0.3, 0.1, 0.2]])
    >>> srigl_steps(weight, gradient, weight != 0, share=0.5, gamma_sal=0.3).grown.int().tolist()
    [[1, 0, 1], [1, 0, 1]]
    """
    connections = int(mask.sum())
    fan_in = connections // int(mask.any(dim=1).sum())
    keep = connections - int(share * connections)
    # 1 salient: the largest weights of the layer, and as many entries of largest gradient as are to be replaced
    by_weight, by_gradient = largest(weight.abs(), keep), largest(gradient.abs(), connections - keep)
    count = (by_weight | by_gradient).sum(dim=1)
    # 2 ablate, but keep enough neurons to hold all connections
    can_hold = count.sort(descending=True).values[min(len(count) - 1, connections // mask.shape[1])]
    active = count >= min(max(1, int(gamma_sal * fan_in)), int(can_hold))
    new_fan_in = connections // int(active.sum())
    # 3 prune all but the largest weights of active neurons; no neuron keeps more than its new fan-in
    score = weight.abs() * active[:, None]
    kept = largest(score, keep) & (score > 0)
    kept &= largest_per_row(torch.where(kept, score, 0), new_fan_in)
    # 4 grow every active neuron to its new fan-in, where the gradient is largest
    grown = largest_per_row(torch.where(kept, torch.inf, gradient.abs()), new_fan_in) & active[:, None]
    return SRigLSteps(weight, gradient, mask, by_weight, by_gradient, active, kept, grown)


def example_layer(outputs: int = 6, inputs: int = 8, fan_in: int = 4, *, seed: int = 205) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight, gradient and mask of a random layer with fixed fan-in.

    Parameters
    ----------
    outputs, inputs, fan_in, seed : int

    Returns
    -------
    weight, gradient : Tensor [outputs, inputs]
    mask : bool Tensor [outputs, inputs]

    Examples
    --------
    >>> weight, gradient, mask = example_layer(outputs=3, inputs=5, fan_in=2)
    >>> mask.sum(dim=1).tolist()
    [2, 2, 2]
    """
    random = torch.Generator().manual_seed(checked_seed(seed))
    mask = torch.rand(outputs, inputs, generator=random).argsort(1).argsort(1) < fan_in
    weight = torch.randn(outputs, inputs, generator=random) * mask
    return weight, torch.randn(outputs, inputs, generator=random), mask
