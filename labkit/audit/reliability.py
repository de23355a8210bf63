"""Calibration of confidences: reliability bins, expected calibration error, Brier score."""

from __future__ import annotations

import numpy as np
import pandas as pd


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Return the reliability table of the top class over `bins` equal-width bins on (0, 1].

    Parameters
    ----------
    probabilities : float [N, C]
    labels : int [N]
    bins : int

    Returns
    -------
    DataFrame, one row per bin
        ``low`` (excluded), ``high`` (included), ``examples``, ``confidence`` and ``accuracy`` (means; NaN in an empty bin).
    """
    confidence = probabilities.max(axis=1).astype(float)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    examples = np.bincount(bin_of, minlength=bins)
    there = np.where(examples > 0, examples, np.nan)
    edges = np.linspace(0, 1, bins + 1)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "examples": examples,
            "confidence": np.bincount(bin_of, weights=confidence, minlength=bins) / there,
            "accuracy": np.bincount(bin_of, weights=right, minlength=bins) / there,
        }
    ).rename_axis("bin")


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Return sum over bins of (share of examples) x |accuracy - confidence|, from `reliability`'s table.

    Examples
    --------
    >>> always_sure = np.array([[0.0, 1.0]] * 4)
    >>> expected_calibration_error(reliability(always_sure, np.array([1, 1, 1, 0])))
    0.25
    """
    share = table["examples"] / table["examples"].sum()
    return float((share * (table["accuracy"] - table["confidence"]).abs()).sum())


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over examples of the squared distance to the true class, summed over classes: 0 (best) to 2.

    Brier's own (1950) definition. For two classes it is twice the score that looks at one class alone, and it is
    scikit-learn's ``brier_score_loss(..., scale_by_half=False)``.

    Examples
    --------
    >>> brier_score(np.array([[0.2, 0.8]]), np.array([1])).__round__(6)
    0.08
    """
    squares = np.einsum("nc,nc->n", probabilities, probabilities, dtype=float)
    own = probabilities[np.arange(len(labels)), labels].astype(float)
    return float(np.mean(squares - 2 * own + 1))
