"""What a shared basis with sparse factors takes, and the rank that a budget allows."""

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
        Share of the matrices' weights (or bytes) that may remain.
    sparsity : float in [0, 1)
        Of the factors.
    kind : {"parameters", "bytes"}
        "parameters" counts the base once and the links, as the paper does; "bytes" counts what is stored: values, and a bit a place
        ("bitmask") or an index of 16 bits a link ("fixed_fan_in").
    value_bytes : int
        4 for float32, 2 for float16.

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
    # a hidden unit may have whole links only, and rows of bits end on whole bytes
    while rank and size_of(width, hidden, rank, sparsity, kind, storage, value_bytes) > most * (1 + 1e-9):
        rank -= 1
    if rank < 1:
        least = size_of(width, hidden, 1, sparsity, kind, storage, value_bytes) / most * budget
        raise ValueError(
            f"a budget of {budget} is below what rank 1 takes; give at least {math.ceil(1e4 * least) / 1e4:.4f}, or larger groups"
        )
    return rank


def cost_of_rank(width: int, hidden: Sequence[int], sparsity: float, kind: BudgetKind, storage: str, value_bytes: int) -> float:
    """Parameters or bytes of one more rank."""
    links = (1 - sparsity) * sum(hidden)
    if kind == "parameters":
        return links + width
    index = sum(hidden) / 8 if storage == "bitmask" else 2 * links
    return value_bytes * (links + width) + index


def size_of(width: int, hidden: Sequence[int], rank: int, sparsity: float, kind: BudgetKind, storage: str, value_bytes: int) -> int:
    """Parameters or bytes of a group at a rank."""
    total = sum(hidden) * rank
    links = max(1, int((1 - sparsity) * total))
    if storage == "fixed_fan_in":
        links = sum(hidden) * max(1, round(rank * (1 - sparsity)))
    if kind == "parameters":
        return links + width * rank
    index = sum(hidden) * math.ceil(rank / 8) if storage == "bitmask" else 2 * links
    return value_bytes * (links + width * rank) + index
