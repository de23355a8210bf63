"""Input validation of the audit: one sentence for every input that cannot be audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from labkit.data import as_group_text

if TYPE_CHECKING:
    from labkit.data import NodeSplit, Split


def check_split(split: Split | NodeSplit) -> None:
    """Check that a split can be audited.

    Parameters
    ----------
    split : Split or NodeSplit

    Raises
    ------
    ValueError
        For an empty split, or labels that do not fit.
    """
    if len(split) == 0:
        raise ValueError("the split is empty; an audit needs at least one example")
    labels = split.labels
    if labels.ndim == 2:
        _check_pairs(labels, len(split), len(split.classes))
        return
    if len(labels) != len(split):
        raise ValueError(f"the split has {len(split):,} examples but {len(labels):,} labels; one label each")
    if labels.min() < 0 or labels.max() >= len(split.classes):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, but there are {len(split.classes)} classes")


def _check_pairs(pairs: np.ndarray, rows: int, classes: int) -> None:
    """Refuse pairs (row, label) that point outside the split."""
    if pairs.shape[1] != 2:
        raise ValueError(f"labels of a multi-label split must be pairs [P, 2] of (row, label), got shape {list(pairs.shape)}")
    if len(pairs) and (pairs.min() < 0 or pairs[:, 0].max() >= rows or pairs[:, 1].max() >= classes):
        raise ValueError(f"a pair (row, label) points outside the {rows:,} rows or the {classes:,} classes")


def check_level(level: float) -> None:
    """Raise ValueError unless `level` is a confidence."""
    if not 0 < level < 1:
        raise ValueError(f"level is the confidence of the intervals and must lie between 0 and 1, got {level}")


def checked_logits(logits: Any, split: Split | NodeSplit, whose: str) -> np.ndarray:
    """Return float logits [N, C] of `whose` model ("model" or "reference").

    Raises
    ------
    ValueError
        On another shape than the split's, or NaN and infinite values.
    """
    array = np.asarray(logits)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"logits of the {whose} must be numbers, got {array.dtype}")
    if array.ndim != 2 or len(array) != len(split):
        wanted = [len(split), len(split.classes)]
        raise ValueError(f"logits of the {whose} have shape {list(array.shape)}; this split needs {wanted}")
    if array.shape[1] != len(split.classes):
        raise ValueError(
            f"the {whose} has {array.shape[1]} classes, the split has {len(split.classes)}; both must be the same ones"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ValueError(
            f"logits of the {whose} are NaN or infinite in {len(bad):,} of {len(split):,} rows (first: row {bad[0]}); "
            "check its weights and inputs"
        )
    return array.astype(np.float32) if array.dtype.kind in "iu" or array.dtype == np.float16 else array


def group_frame(groups: Any) -> pd.DataFrame:
    """Return sensitive features as a DataFrame of text; a bare array gets the column name "group".

    Raises
    ------
    ValueError
        On no column, more than one dimension without names, or missing values.
    """
    groups = as_group_text(groups)
    if groups.shape[1] == 0:
        raise ValueError("groups has no column; give one sensitive feature or more")
    for column in groups.columns:
        missing = np.flatnonzero(pd.isna(groups[column]).to_numpy())
        if len(missing):
            raise ValueError(f"group column {column!r} is empty in row {missing[0]}; give every row a group")
    return groups.reset_index(drop=True)


def same_length(y_true: Any, y_pred: Any, groups: pd.DataFrame, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions as 1-D arrays as long as `groups`, of length above 0."""
    check_level(level)
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    if true.ndim != 1 or true.shape != predicted.shape or len(true) != len(groups):
        raise ValueError(
            f"y_true {list(true.shape)}, y_pred {list(predicted.shape)} and groups [{len(groups)}] must have one entry per row"
        )
    if len(true) == 0:
        raise ValueError("there are no rows; fairness needs at least one")
    if pd.isna(true).any() or pd.isna(predicted).any():
        raise ValueError("y_true or y_pred holds missing values; drop or fill those rows first")
    return true, predicted


def binary(true: np.ndarray, predicted: np.ndarray, pos_label: int | str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return bool arrays, True for the favourable label."""
    labels = set(np.unique(true).tolist()) | set(np.unique(predicted).tolist())
    if pos_label is None and not labels <= {0, 1}:
        raise ValueError(f"labels are {_some(labels)}, not 0 and 1; say which one is favourable with pos_label=")
    favourable = 1 if pos_label is None else pos_label
    if favourable not in labels and not labels | {favourable} <= {0, 1}:
        raise ValueError(f"pos_label {favourable!r} occurs neither in y_true nor in y_pred, whose labels are {_some(labels)}")
    return true == favourable, predicted == favourable


def _some(labels: set) -> str:
    shown = sorted(labels, key=str)
    return ", ".join(map(repr, shown[:5])) + (" …" if len(shown) > 5 else "")
