"""Size of a shared basis with sparse factors, and the rank that a budget allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

BudgetKind = Literal["parameters", "bytes"]


def rank_for(
    width: int,
    hidden: Sequence[int],
    budget: float,
    sparsity: float,
    *,
    kind: BudgetKind = "parameters",
    storage: str = "bitmask",
    value_bytes: int = 4,
) -> int:
    """Return the largest rank of a group of matrices [d, p_i] whose base and factors stay within the budget.

    Parameters
    ----------
    width : int
        d.
    hidden : sequence of int
        p of every matrix.
    budget : float
        Fraction of the matrices' weights (or bytes) that may remain.
    sparsity : float in [0, 1)
        Of the factors.
    kind : {"parameters", "bytes"}
        "parameters" counts the base once and the nonzeros, as the paper does; "bytes" counts what is stored: values, and one bit
        per entry ("bitmask") or an index of 16 bits per nonzero ("fixed_fan_in").
    storage : {"bitmask", "fixed_fan_in"}
    value_bytes : int
        4 for float32, 2 for float16.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        When not even rank 1 fits.

    Examples
    --------
    >>> rank_for(768, [3072] * 8, 0.25, 0.75)
    682
    """
    most = budget * width * sum(hidden) * (1 if kind == "parameters" else value_bytes)
    rank = int(most / cost_of_rank(width, hidden, sparsity, kind, storage, value_bytes) + 1e-9)
    # the nonzeros of a hidden unit are rounded to a whole number, and rows of bits to whole bytes
    while rank and size_of(width, hidden, rank, sparsity, kind, storage, value_bytes) > most * (1 + 1e-9):
        rank -= 1
    if rank < 1:
        least = size_of(width, hidden, 1, sparsity, kind, storage, value_bytes) / most * budget
        raise ValueError(
            f"a budget of {budget} is below what rank 1 takes; give at least {math.ceil(1e4 * least) / 1e4:.4f}, or larger groups"
        )
    return rank


def cost_of_rank(width: int, hidden: Sequence[int], sparsity: float, kind: BudgetKind, storage: str, value_bytes: int) -> float:
    """Return the parameters or bytes that one more rank takes, before rounding; arguments as in `rank_for`."""
    nonzeros = (1 - sparsity) * sum(hidden)
    if kind == "parameters":
        return nonzeros + width
    index = sum(hidden) / 8 if storage == "bitmask" else 2 * nonzeros
    return value_bytes * (nonzeros + width) + index


def size_of(width: int, hidden: Sequence[int], rank: int, sparsity: float, kind: BudgetKind, storage: str, value_bytes: int) -> int:
    """Return the parameters or bytes of a group at a rank; other arguments as in `rank_for`."""
    total = sum(hidden) * rank
    nonzeros = max(1, int((1 - sparsity) * total))
    if storage == "fixed_fan_in":
        nonzeros = sum(hidden) * max(1, round(rank * (1 - sparsity)))
    if kind == "parameters":
        return nonzeros + width * rank
    index = sum(hidden) * math.ceil(rank / 8) if storage == "bitmask" else 2 * nonzeros
    return value_bytes * (nonzeros + width * rank) + index
