"""`audit_logits`: everything that follows from a model's outputs, in NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labkit.audit.calibration import brier_score, expected_calibration_error, reliability
from labkit.audit.checks import check_level, check_split, checked_logits
from labkit.audit.classes import ONE_RUN, benjamini_hochberg, mcnemar_by_class
from labkit.audit.groups import Fairness, accuracy_fairness, fairness
from labkit.audit.identity import data_id
from labkit.audit.mcnemar import mcnemar_p, paired_interval
from labkit.audit.report import Audit
from labkit.audit.wilson import wilson_interval

if TYPE_CHECKING:
    from labkit.data import Split

AFFECTED = 0.05


def audit_logits(logits: np.ndarray, split: Split, reference_logits: np.ndarray | None = None, level: float = 0.95) -> Audit:
    """Audit outputs alone: NumPy only, no model is run, quick enough for a slider; without cost and model fingerprints.

    Parameters
    ----------
    logits, reference_logits : float [N, C]
    split : Split
    level : float

    Raises
    ------
    ValueError, TypeError
        As in `audit`.
    """
    check_split(split)
    check_level(level)
    logits = checked_logits(logits, split, "model")
    labels, classes = split.labels, len(split.classes)
    probabilities = _softmax(logits)
    predicted = logits.argmax(axis=1)
    reference = None if reference_logits is None else checked_logits(reference_logits, split, "reference").argmax(axis=1)
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    calibration = reliability(probabilities, labels)
    per_class = _per_class(confusion, split, predicted, reference, level)
    groups = _fairness(split, predicted, level)
    summary = _accuracy_summary(labels, predicted, level)
    summary |= {"ece": expected_calibration_error(calibration), "brier": brier_score(probabilities, labels)}
    if reference is not None:
        summary |= _change_summary(labels, predicted, reference, per_class, level)
    if groups is not None:
        summary |= _group_summary(groups.table)
    return Audit(
        summary=pd.Series(summary, dtype=float),
        per_class=per_class,
        predictions=_predictions(labels, predicted, reference, probabilities),
        confusion=_named_confusion(confusion, split.classes),
        calibration=calibration,
        fairness=None if groups is None else groups.table,
        by_group=None if groups is None else groups.by_group,
        data_id=data_id(split),
        level=level,
        notes=_notes(split, reference is not None, groups),
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32, copy=False)


def _per_class(
    confusion: np.ndarray, split: Split, predicted: np.ndarray, reference: np.ndarray | None, level: float
) -> pd.DataFrame:
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
        index=pd.Index(split.classes, name="class"),
    )
    if reference is None:
        return frame
    before, after = reference == split.labels, predicted == split.labels
    bias = mcnemar_by_class(before, after, split.labels, len(split.classes), 1 - level)
    bias = bias.rename(columns={"low": "change_low", "high": "change_high"}).set_index(frame.index)
    bias["q"] = benjamini_hochberg(bias["p"].to_numpy())
    bias["affected"] = bias["q"] < AFFECTED
    return pd.concat([frame.assign(reference_accuracy=frame["accuracy"] - bias["change"]), bias], axis=1)


def _accuracy_summary(labels: np.ndarray, predicted: np.ndarray, level: float) -> dict[str, float]:
    hits, examples = np.count_nonzero(predicted == labels), len(labels)
    low, high = wilson_interval(np.array(hits), np.array(examples), level)
    return {"accuracy": hits / examples, "accuracy_low": float(low), "accuracy_high": float(high), "examples": examples}


def _change_summary(
    labels: np.ndarray, predicted: np.ndarray, reference: np.ndarray, per_class: pd.DataFrame, level: float
) -> dict[str, float]:
    before, after = reference == labels, predicted == labels
    n01, n10, examples = (np.array(count) for count in (np.sum(before & ~after), np.sum(after & ~before), len(labels)))
    low, high = paired_interval(n01, n10, examples, level)
    return {
        "reference_accuracy": float(before.mean()),
        "accuracy_change": float((n10 - n01) / examples),
        "accuracy_change_low": float(low),
        "accuracy_change_high": float(high),
        "change_p": float(mcnemar_p(n01, n10)),
        "affected_classes": float(per_class["affected"].sum()),
        "worst_class_change": float(per_class["change"].min()),
        "agreement": float((predicted == reference).mean()),
    }


def _fairness(split: Split, predicted: np.ndarray, level: float) -> Fairness | None:
    if split.groups is None or split.groups.shape[1] == 0:
        return None
    compare = fairness if len(split.classes) == 2 else accuracy_fairness
    return compare(split.labels, predicted, split.groups, level=level)


def _group_summary(table: pd.DataFrame) -> dict[str, float]:
    short = {
        "demographic_parity_difference": "dpd",
        "equalized_odds_difference": "eod",
        "accuracy_score_group_min": "worst_group_accuracy",
    }
    return {f"{short[metric]}[{column}]": value for (column, metric), value in table["value"].items() if metric in short}


def _predictions(
    labels: np.ndarray, predicted: np.ndarray, reference: np.ndarray | None, probabilities: np.ndarray
) -> pd.DataFrame:
    columns = {"index": np.arange(len(labels)), "label": labels, "predicted": predicted}
    if reference is not None:
        columns["reference_predicted"] = reference
    return pd.DataFrame(columns).assign(probabilities=list(probabilities))


def _named_confusion(confusion: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(confusion, index=pd.Index(classes, name="label"), columns=pd.Index(classes, name="predicted"))


def _notes(split: Split, compared: bool, groups: Fairness | None) -> tuple[str, ...]:
    counts = split.class_counts()
    empty = [f"class {name!r} has no example: its figures are NaN and it is not tested" for name in counts.index[counts == 0]]
    single = (
        [f"every example is of class {counts.idxmax()!r}: the audit says nothing about the others"]
        if (counts > 0).sum() == 1
        else []
    )
    return (
        *split.notes,
        *empty,
        *single,
        *([ONE_RUN] if compared else []),
        *(() if groups is None else groups.notes),
    )
