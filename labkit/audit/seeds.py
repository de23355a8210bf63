"""Two populations of training runs: Welch's and the paired t-test, class by class."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

# spread below this is rounding, not variation between runs
ROUNDING = 1e-12


def class_accuracies(correct: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return accuracies [runs, classes] of bool [runs, N]; NaN for a class without examples."""
    counts = np.bincount(labels, minlength=classes)
    hits = np.array([np.bincount(labels, weights=run, minlength=classes) for run in correct])
    with np.errstate(invalid="ignore"):
        return hits / counts


def normalised(accuracies: np.ndarray, overall: np.ndarray, normalise: str) -> np.ndarray:
    """Remove the overall accuracy [runs] of each run from its class accuracies [runs, classes].

    "ratio" is the relative class accuracy of the distillation study; "difference" is Hooker et al.'s (2019).
    """
    if normalise == "none":
        return accuracies
    if normalise == "difference":
        return accuracies - overall[:, None]
    if (overall == 0).any():
        raise ValueError("a run gets no example right, so that its ratio is undefined; use normalise='difference'")
    return accuracies / overall[:, None]


def welch_by_class(
    correct_a: np.ndarray, correct_b: np.ndarray, labels: np.ndarray, classes: int, normalise: str, level: float
) -> pd.DataFrame:
    """Return change, low, high, relative_change, p, p_paired and degenerate, one row per class; bool [runs, N] each."""
    raw_a, raw_b = (class_accuracies(c, labels, classes) for c in (correct_a, correct_b))
    a = normalised(raw_a, correct_a.mean(axis=1), normalise)
    b = normalised(raw_b, correct_b.mean(axis=1), normalise)
    low, high = _welch_interval(raw_a, raw_b, level)
    p, stuck = _welch(a, b)
    p_paired, stuck_paired = _paired(a, b) if len(a) == len(b) else (np.full(classes, np.nan), np.zeros(classes, bool))
    return pd.DataFrame(
        {
            "change": raw_b.mean(axis=0) - raw_a.mean(axis=0),
            "low": low,
            "high": high,
            "relative_change": b.mean(axis=0) - a.mean(axis=0),
            "p": p,
            "p_paired": p_paired,
            "degenerate": stuck | stuck_paired,
        }
    )


def _welch(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy import stats

    constant = (np.ptp(a, axis=0) <= ROUNDING) & (np.ptp(b, axis=0) <= ROUNDING)
    p = _quietly(lambda: stats.ttest_ind(b, a, axis=0, equal_var=False).pvalue)
    return _settled(p, constant, b.mean(axis=0) - a.mean(axis=0))


def _paired(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy import stats

    constant = np.ptp(b - a, axis=0) <= ROUNDING
    p = _quietly(lambda: stats.ttest_rel(b, a, axis=0).pvalue)
    return _settled(p, constant, (b - a).mean(axis=0))


def _settled(p: np.ndarray, constant: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without spread a t-test divides by zero: set p to 1, and flag a nonzero change as degenerate."""
    return np.where(constant, 1.0, p), constant & (np.abs(change) > ROUNDING)


def _welch_interval(a: np.ndarray, b: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy import stats

    found = _quietly(lambda: stats.ttest_ind(b, a, axis=0, equal_var=False).confidence_interval(1 - level))
    change = b.mean(axis=0) - a.mean(axis=0)
    low, high = (np.where(np.isnan(limit), change, limit) for limit in found)
    return low, high


def _quietly(compute: Callable) -> np.ndarray:
    """Silence the warnings of scipy and numpy about columns without spread, which `_settled` handles."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        return compute()
