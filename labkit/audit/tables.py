"""The tables of an audit of single-label predictions, in NumPy and pandas alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from labkit.audit.classes import benjamini_hochberg, mcnemar_by_class
from labkit.audit.verdicts import with_verdicts
from labkit.audit.wilson import wilson_interval

DENSE = 1000  # classes up to which JSON holds every cell of a confusion matrix: 4,000 classes have 16 million
AFFECTED = 0.05  # significance level of an affected class, after correction


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over classes.

    Parameters
    ----------
    logits : float [N, C]

    Returns
    -------
    ndarray
        float32 [N, C].
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)  # in place: fresh memory for every step takes longer than the exponentials where classes are many
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted.astype(np.float32, copy=False)


def class_table(
    confusion: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    reference: np.ndarray | None,
    classes: tuple[str, ...],
    level: float,
) -> pd.DataFrame:
    """Return accuracy and its change for every class.

    Parameters
    ----------
    confusion : int [C, C]
    labels, predicted : int [N]
    reference : int [N] or None
        Predictions of the reference model.
    classes : tuple of C str
    level : float
        Confidence of the intervals.

    Returns
    -------
    DataFrame
        One row per class, see `Audit.per_class`.
    """
    examples, hits, claimed = confusion.sum(axis=1), confusion.diagonal(), confusion.sum(axis=0)
    low, high = wilson_interval(hits, examples, level)
    with np.errstate(invalid="ignore"):
        accuracy, precision = hits / examples, hits / claimed
    frame = pd.DataFrame(
        {
            "examples": examples,
            "accuracy": accuracy,
            "accuracy_low": low,
            "accuracy_high": high,
            "precision": precision,
            "recall": accuracy,
        },
        index=pd.Index(classes, name="class"),
    )
    if reference is None:
        return frame
    before, after = reference == labels, predicted == labels
    bias = mcnemar_by_class(before, after, labels, len(classes), 1 - level)
    bias = bias.rename(columns={"low": "change_low", "high": "change_high"}).set_index(frame.index)
    bias["q"] = benjamini_hochberg(bias["p"].to_numpy())
    bias["affected"] = bias["q"] < AFFECTED
    whole = pd.concat([frame.assign(reference_accuracy=frame["accuracy"] - bias["change"]), bias], axis=1)
    return with_verdicts(whole, level=level)


def prediction_table(
    labels: np.ndarray | None, predicted: np.ndarray, reference: np.ndarray | None, probabilities: np.ndarray | None
) -> pd.DataFrame:
    """Return one row per example.

    Parameters
    ----------
    labels : int [N] or None
        None for a multi-label split.
    predicted : int [N]
    reference : int [N] or None
        Predictions of the reference model.
    probabilities : float [N, C] or None

    Returns
    -------
    DataFrame
        See `Audit.predictions`.
    """
    columns = {"index": np.arange(len(predicted))}
    if labels is not None:
        columns["label"] = labels
    columns["predicted"] = predicted
    if reference is not None:
        columns["reference_predicted"] = reference
    table = pd.DataFrame(columns)
    return table if probabilities is None else table.assign(probabilities=list(probabilities))


def plain_confusion(confusion: pd.DataFrame) -> list[list[int]] | dict[str, Any]:
    """Return a confusion matrix as plain values for JSON: rows, or the cells that are not 0 where there are many classes.

    Parameters
    ----------
    confusion : DataFrame of int [C, C]

    Returns
    -------
    list of C lists, or dict
        For more than `DENSE` classes ``classes`` (C), and of every cell that is not 0 ``label``, ``predicted`` (indices) and
        ``count``.
    """
    counts = confusion.to_numpy()
    if len(counts) <= DENSE:
        return counts.tolist()
    label, predicted = np.nonzero(counts)
    cells = {"label": label, "predicted": predicted, "count": counts[label, predicted]}
    return {"classes": len(counts), **{name: values.tolist() for name, values in cells.items()}}


def full_confusion(plain: list[list[int]] | dict[str, Any]) -> np.ndarray:
    """Return the matrix that `plain_confusion` described.

    Parameters
    ----------
    plain : list or dict

    Returns
    -------
    ndarray
        int [C, C].
    """
    if not isinstance(plain, dict):
        return np.array(plain)
    counts = np.zeros((plain["classes"], plain["classes"]), np.int64)
    counts[plain["label"], plain["predicted"]] = plain["count"]
    return counts


def named_confusion(confusion: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return a confusion matrix with class names on both axes.

    Parameters
    ----------
    confusion : int [C, C]
    classes : tuple of C str

    Returns
    -------
    DataFrame
    """
    names = {"index": pd.Index(classes, name="label"), "columns": pd.Index(classes, name="predicted")}
    return pd.DataFrame(confusion, **names, copy=False)
