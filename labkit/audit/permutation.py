"""The gap between groups that random groups would show: group labels shuffled among the examples."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.audit.groups import hits_and_trials

DRAWS = 500


def permuted_gap(
    true: np.ndarray,
    predicted: np.ndarray,
    groups: pd.Series,
    rates: tuple[str, ...],
    value: float,
    *,
    draws: int = DRAWS,
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
    draws : int
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
    sizes = np.bincount(pd.factorize(groups)[0])
    cells = np.bincount(true * 2 + predicted, minlength=4)
    counts = _shuffled(sizes, cells, draws, np.random.default_rng(seed))
    gaps = []
    for hits, trials in (hits_and_trials(counts.reshape(-1, 2, 2))[name] for name in rates):
        with np.errstate(invalid="ignore"):
            found = np.where(trials > 0, hits / np.maximum(trials, 1), np.nan).reshape(draws, -1)
        lacking = np.isnan(found)
        highest, lowest = np.where(lacking, -np.inf, found).max(axis=1), np.where(lacking, np.inf, found).min(axis=1)
        gaps.append(np.maximum(highest - lowest, 0.0))  # no group with the rate: no gap
    widest = np.max(gaps, axis=0)
    if value != value:
        return float(widest.mean()), np.nan
    return float(widest.mean()), float((1 + np.count_nonzero(widest >= value - 1e-12)) / (1 + draws))


def _shuffled(sizes: np.ndarray, cells: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw tables [draws, groups, 4] of (label, prediction) by group with these margins: what shuffled labels give."""
    counts = np.zeros((draws, len(sizes), 4), np.int64)
    free = np.tile(sizes, (draws, 1))  # examples of each group without a cell yet
    for cell in range(3):
        left = np.full(draws, cells[cell])
        for group in range(len(sizes) - 1):
            others = free[:, group + 1 :].sum(axis=1)
            counts[:, group, cell] = rng.hypergeometric(free[:, group], others, left)
            left = left - counts[:, group, cell]
        counts[:, -1, cell] = left
        free = free - counts[:, :, cell]
    counts[:, :, 3] = free
    return counts
