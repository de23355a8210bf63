"""Validation of a `Split`: shapes, dtypes and labels as its docstring states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from labkit.data.given_arrays import refuse_masked
from labkit.data.split import Split
from labkit.words import shortly

MANY = 20  # classes without examples that are each said in a note of its own


def checked(split: Split, where: str) -> Split:
    """Validate a split.

    Parameters
    ----------
    split : Split
        The split.
    where : str
        File or part, for error messages.

    Returns
    -------
    Split
        With a note for every class without examples.

    Raises
    ------
    ValueError
        If the split is empty, a shape is wrong, a label is out of range, a feature is not finite, or groups do not match.
    TypeError
        If a dtype is wrong.
    """
    for held, what in ((split.images, "images"), (split.x, "table rows"), (split.labels, "labels")):
        refuse_masked(held, f"{where}: {what}")
    _check_examples(split, where)
    _check_labels(split, where)
    _check_groups(split, where)
    empty = [name for name, count in split.class_counts().items() if count == 0]
    notes = tuple(f"class {shortly(name)} has no example in {where}: its metrics are NaN" for name in empty)
    if len(empty) > MANY:
        some = ", ".join(shortly(name, 60) for name in empty[:5])
        notes = (f"{len(empty):,} classes have no example in {where}: their metrics are NaN ({some}, …)",)
    return replace(split, notes=split.notes + notes)


def _check_examples(split: Split, where: str) -> None:
    if len(split) == 0:
        raise ValueError(f"{where} has no examples; at least one is needed")
    if split.images is not None:
        _check_array(split.images, np.dtype("uint8"), 4, "images must be uint8 [N, C, H, W]", where)
        if 0 in split.images.shape:
            raise ValueError(f"{where}: images have shape {list(split.images.shape)}; every side must be positive")
    if split.x is not None:
        _check_array(split.x, np.dtype("float32"), 2, "table rows must be float32 [N, D]", where)
        _check_finite(split.x, split.features, where)


def _check_array(array: np.ndarray, dtype: np.dtype, dimensions: int, rule: str, where: str) -> None:
    if array.dtype != dtype:
        raise TypeError(f"{where}: {rule}, got {array.dtype}")
    if array.ndim != dimensions:
        raise ValueError(f"{where}: {rule}, got shape {list(array.shape)}")


def _check_finite(x: np.ndarray, features: tuple[str, ...], where: str) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        name = features[column] if features else f"column {column}"
        raise ValueError(
            f"{where}, row {row}: feature {shortly(name)} is {x[row, column]}; "
            f"fill or drop the {len(bad)} missing or infinite value(s) first"
        )


def _check_labels(split: Split, where: str) -> None:
    if split.labels.dtype != np.int64:
        raise TypeError(f"{where}: labels must be int64, got {split.labels.dtype}")
    if split.multilabel:
        _check_pairs(split, where)
        return
    if split.labels.ndim != 1 or len(split.labels) != len(split):
        raise ValueError(
            f"{where}: {len(split):,} examples but labels of shape {list(split.labels.shape)}; give one label per example"
        )
    outside = np.flatnonzero((split.labels < 0) | (split.labels >= len(split.classes)))
    if len(outside):
        row = outside[0]
        raise ValueError(
            f"{where}, row {row}: label {split.labels[row]} is outside the {len(split.classes)} classes "
            f"(0 to {len(split.classes) - 1})"
        )


def _check_pairs(split: Split, where: str) -> None:
    limits = np.array([len(split), len(split.classes)])
    if split.labels.shape[1] != 2 or (split.labels < 0).any() or (split.labels >= limits).any():
        raise ValueError(f"{where}: multi-label labels must be pairs [P, 2] of (row < {limits[0]:,}, label < {limits[1]:,})")


def _check_groups(split: Split, where: str) -> None:
    if split.groups is None:
        return
    if len(split.groups) != len(split):
        raise ValueError(f"{where}: {len(split):,} examples but {len(split.groups):,} rows of groups; give one row per example")
    missing = np.argwhere(pd.isna(split.groups).to_numpy())
    if len(missing):
        row, column = missing[0]
        raise ValueError(
            f"{where}, row {row}: group column {shortly(split.groups.columns[column])} is empty; give every row a group"
        )
