"""Which entries are the largest: exactly as many as asked for, and of equal ones the first."""

from __future__ import annotations

from numbers import Real

import torch
from torch import Tensor

from labkit.words import shortly


def largest_mask(magnitudes: Tensor, count: int) -> Tensor:
    """Mark the largest entries.

    Parameters
    ----------
    magnitudes : Tensor [N]
        Not NaN.
    count : int
        Entries to mark, 0 … N.

    Returns
    -------
    bool Tensor [N]
        With exactly `count` entries; of those that equal the smallest of them, the first are marked.

    Examples
    --------
    >>> largest_mask(torch.tensor([1.0, 2.0, 1.0, 1.0]), 2)
    tensor([ True,  True, False, False])
    """
    if not count:
        return torch.zeros_like(magnitudes, dtype=torch.bool)
    least = magnitudes.topk(count, sorted=False).values.min()
    kept = magnitudes > least
    tied = (magnitudes == least).nonzero().flatten()
    kept[tied[: count - int(kept.sum())]] = True
    return kept


def largest_columns(magnitudes: Tensor, count: int) -> Tensor:
    """Return the columns of the largest entries of each row.

    Parameters
    ----------
    magnitudes : Tensor [N, D]
        Not NaN.
    count : int
        Entries of each row, K, 1 … D.

    Returns
    -------
    int64 Tensor [N, K]
        Ascending in each row; of equal entries the first are taken.

    Examples
    --------
    >>> largest_columns(torch.tensor([[1.0, 2.0, 1.0, 1.0]]), 2)
    tensor([[0, 1]])
    """
    top = magnitudes.topk(count, dim=1, sorted=False)
    columns = top.indices
    if count < magnitudes.shape[1] and len(magnitudes):
        tied = (magnitudes >= top.values.amin(1, keepdim=True)).sum(1) > count
        if tied.any():  # topk may take any of the entries that tie
            order = magnitudes[tied].sort(dim=1, descending=True, stable=True).indices
            columns[tied] = order[:, :count]
    return columns.sort(dim=1).values


def kept_of(entries: int, sparsity: float) -> int:
    """Return the number of entries that a sparsity leaves.

    Parameters
    ----------
    entries : int
    sparsity : float
        Fraction of zeros in [0, 1).

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        If the sparsity is out of range.
    TypeError
        If it is no number.
    """
    if isinstance(sparsity, bool) or not isinstance(sparsity, Real):
        raise TypeError(f"sparsity must be a number in [0, 1), got {shortly(sparsity)}; 0.9 keeps a tenth of the weights")
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.9 keeps a tenth of the weights")
    return max(1, round(entries * (1 - sparsity)))
