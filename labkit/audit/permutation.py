"""The gap between groups that random groups would show: group labels shuffled among the examples."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from labkit.audit.groups import hits_and_trials

DRAWS = 500
NUMBERS = 200_000  # draws x groups: more than 400 groups are shuffled fewer times, so that thousands take a second
FEWEST = 100


def permuted_gap(
    true: np.ndarray,
    predicted: np.ndarray,
    groups: pd.Series,
    rates: tuple[str, ...],
    value: float,
    *,
    draws: int | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the mean of the largest gap over shuffled group labels, and the share of shuffles with a gap of at least `value`.

    A network that answers everything alike has no gap, and random groups show none either: its gap of 0 is no sign of fairness.

    Parameters
    ----------
    true, predicted : bool [N]
        Whether label and prediction are the favourable class.
    groups : Series [N]
    rates : tuple of str
        Rates whose largest difference between two groups is the gap, e.g. ``("true_positive_rate", "false_positive_rate")``.
    value : float
        The observed gap.
    draws : int, optional
        By default 500, and fewer for more than 400 groups.
    seed : int

    Returns
    -------
    null, p : float
        `p` counts the observed labelling as one more shuffle.

    Examples
    --------
    >>> yes = np.ones(4, bool)
    >>> permuted_gap(yes, yes, pd.Series(["a", "a", "b", "b"]), ("selection_rate",), 0.0)
    (0.0, 1.0)
    """
    return judged(shuffled_gaps(true, predicted, groups, rates, draws=draws, seed=seed), rates, value)


def judged(gaps: dict[str, np.ndarray], rates: tuple[str, ...], value: float) -> tuple[float, float]:
    """Compare an observed gap with those of shuffled groups.

    Parameters
    ----------
    gaps : dict of str to float [draws]
        As `shuffled_gaps` returns them.
    rates : tuple of str
    value : float

    Returns
    -------
    null, p : float
        As `permuted_gap`.
    """
    widest = np.max([gaps[name] for name in rates], axis=0)
    if value != value:
        return float(widest.mean()), np.nan
    return float(widest.mean()), float((1 + np.count_nonzero(widest >= value - 1e-12)) / (1 + len(widest)))


def shuffled_gaps(
    true: np.ndarray, predicted: np.ndarray, groups: pd.Series, rates: Iterable[str], *, draws: int | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the largest gap of every rate over shuffled group labels.

    Parameters
    ----------
    true, predicted : bool [N]
    groups : Series [N]
    rates : iterable of str
    draws : int, optional
    seed : int

    Returns
    -------
    dict of str to float [draws]
    """
    sizes = np.bincount(pd.factorize(groups)[0])
    draws = min(DRAWS, max(FEWEST, NUMBERS // max(len(sizes), 1))) if draws is None else draws
    cells = np.bincount(true * 2 + predicted, minlength=4)
    counts = _shuffled(sizes, cells, draws, np.random.default_rng(seed))
    found = hits_and_trials(counts.reshape(-1, 2, 2))
    return {name: _gaps(*found[name], draws) for name in rates}


def _gaps(hits: np.ndarray, trials: np.ndarray, draws: int) -> np.ndarray:
    lacking = (trials == 0).reshape(draws, -1)
    rate = (hits / np.maximum(trials, 1)).reshape(draws, -1)
    highest, lowest = np.where(lacking, -np.inf, rate).max(axis=1), np.where(lacking, np.inf, rate).min(axis=1)
    return np.maximum(highest - lowest, 0.0)  # no group with the rate: no gap


def _shuffled(sizes: np.ndarray, cells: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw tables [draws, groups, 4] of (label, prediction) by group with these margins: what shuffled labels give."""
    counts = np.zeros((4, len(sizes), draws), np.int64)
    free = np.tile(sizes[:, None], (1, draws))  # examples of each group without a cell yet
    for cell in range(3):
        left = np.full(draws, cells[cell])
        others = free.sum(axis=0)  # in this group and those after it
        for group in range(len(sizes) - 1):
            others -= free[group]
            counts[cell, group] = rng.hypergeometric(free[group], others, left)
            left -= counts[cell, group]
        counts[cell, -1] = left
        free -= counts[cell]
    counts[3] = free
    return np.ascontiguousarray(counts.transpose(2, 1, 0))
