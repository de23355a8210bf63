"""Labels as people hold them, as class indices int64 [N]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from labkit.data.given_arrays import as_numpy
from labkit.data.limits import refuse_classes
from labkit.data.paths import is_text
from labkit.words import shortly

MANY = 20


def class_names(classes: Sequence[Any], name: str) -> tuple[str, ...]:
    """Return class names as text.

    Parameters
    ----------
    classes : sequence
        Of any type.
    name : str
        Name of the data set, for error messages.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If two are equal as text.
    """
    try:
        names = tuple(_as_text(label) for label in classes)
    except TypeError as error:
        raise TypeError(f"{name}: classes must be a list of names, got {shortly(classes)}") from error
    if isinstance(classes, str):
        raise TypeError(f"{name}: classes must be a list of names, got {shortly(classes)}")
    refuse_classes(len(names), name)
    refuse_twice(names, "class", name)
    return names


def feature_names(features: Any, name: str) -> tuple[str, ...]:
    """Return names of columns as text.

    Parameters
    ----------
    features : sequence
        Of any type.
    name : str
        Name of the data set, for error messages.

    Returns
    -------
    tuple of str

    Raises
    ------
    TypeError
        If it is no sequence.
    """
    try:
        return tuple(map(str, features))
    except TypeError as error:
        raise TypeError(f"{name}: features must be a list of names, got {shortly(features)}") from error


def refuse_twice(names: Sequence[str], what: str, where: str) -> None:
    """Refuse a name that stands for two things, or that cannot be stored.

    Parameters
    ----------
    names : sequence of str
    what : {"class", "feature"}
    where : str
        The data set, for error messages.

    Raises
    ------
    ValueError
        If a name appears twice, or is no text.
    """
    twice = next((found for found, times in Counter(names).items() if times > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        plural = "class" if what == "class" else "column"
        raise ValueError(
            f"{where}: {what} name {shortly(twice)} appears {list(names).count(twice)} times; give every {plural} its own name"
        )
    strange = next((found for found in names if not is_text(found)), None)
    if strange is not None:
        raise ValueError(f"{where}: {what} name {shortly(strange)} is no text that UTF-8 can hold; rename it")


def _as_text(label: Any) -> str:
    return label.decode(errors="backslashreplace") if isinstance(label, bytes) else str(label)


def as_labels(
    labels: Any, classes: Sequence[Any] | None, rows: int, name: str
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Return class indices, the class names, and notes.

    Parameters
    ----------
    labels : array [N], [N, 1] or one-hot [N, C]
        Integers, whole floating-point numbers, flags, or names of classes.
    classes : sequence or None
        None for ``"0"``, ``"1"``, … or the sorted names.
    rows : int
        Number of examples.
    name : str
        Name of the data set, for error messages.

    Returns
    -------
    labels : int64 array [N]
    classes : tuple of str
    notes : tuple of str

    Raises
    ------
    TypeError
        If they are neither whole numbers nor names.
    ValueError
        If they mark several classes for one example, are missing, or are a quantity.
    """
    array, notes = _one_a_row(as_numpy(labels, f"{name}: labels"), rows, name)
    if classes is None and isinstance(labels, pd.DataFrame) and labels.shape[1] > 1:
        classes = [str(column) for column in labels.columns]  # as pandas.get_dummies makes them
    names = None if classes is None else class_names(classes, name)
    if array.dtype.kind in "OUST":
        if not _all_numbers(array):
            return (*_from_names(array, names, name), notes)
        try:
            array = pd.to_numeric(pd.Series(array.astype(object)), errors="coerce").to_numpy()
        except OverflowError as error:
            raise ValueError(f"{name}: labels hold numbers larger than any class index; number them from 0") from error
    indices = _whole(array, name)
    if not len(indices):
        return indices, names or (), notes  # refused as empty where all splits are
    if names is None:
        _refuse_quantities(indices, name)
        names = tuple(str(i) for i in range(max(int(indices.max()) + 1, 0)))
    return indices, names, notes


def _one_a_row(array: np.ndarray, rows: int, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if array.ndim == 1:
        return array, ()
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0], ()
    shape = list(array.shape)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: labels have shape {shape}; give one class index per example, [N]")
    if len(array) == rows and np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all():
        return array.argmax(axis=1), (f"labels were one-hot {shape}: the class of each example is its column with a 1",)
    if len(array) == rows and array.dtype.kind == "f" and np.allclose(array.sum(axis=1), 1):
        raise ValueError(
            f"{name}: labels {shape} are probabilities of classes; give the most probable class, labels.argmax(axis=1)"
        )
    if len(array) == rows and np.isin(array, (0, 1)).all():
        raise ValueError(
            f"{name}: labels {shape} mark {int(array.sum(axis=1).max())} classes for one example; from_arrays takes one class "
            "each, multi-label data are a labkit.data.Split with pairs (row, label)"
        )
    raise ValueError(
        f"{name}: labels have shape {shape}; give one class index per example, [N] (of one-hot labels argmax(axis=1)); multi-label "
        "data are a labkit.data.Split with pairs (row, label)"
    )


def _all_numbers(array: np.ndarray) -> bool:
    return array.dtype == object and all(isinstance(label, (int, float, np.number, np.bool_)) for label in array)


def _from_names(array: np.ndarray, classes: tuple[str, ...] | None, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    missing = np.flatnonzero(pd.isna(array.astype(object)))
    if len(missing):
        raise ValueError(f"{name}, row {missing[0]}: the label is missing ({len(missing)} such row(s)); drop or fill those rows")
    texts = [_as_text(label) for label in array]
    found = tuple(sorted(set(texts)))
    if len(found) > MANY and len(found) > len(texts) / 2:
        raise ValueError(
            f"{name}: labels hold {len(found):,} different texts in {len(texts):,} rows, hardly classes; give class names"
        )
    known = class_names(found, name) if classes is None else classes
    place = {label: i for i, label in enumerate(known)}
    strange = next((i for i, label in enumerate(texts) if label not in place), None)
    if strange is not None:
        raise ValueError(
            f"{name}, row {strange}: label {shortly(texts[strange])} is none of the {len(known)} classes; add it to classes="
        )
    return np.array([place[label] for label in texts], np.int64), known


def _whole(array: np.ndarray, name: str) -> np.ndarray:
    """Whole numbers as int64, whatever their type: 1.0 is 1."""
    if array.dtype.kind in "biu":
        return _of_64_bits(array, name)
    if array.dtype.kind == "f":
        missing = np.flatnonzero(~np.isfinite(array))
        if len(missing):
            row = missing[0]
            raise ValueError(f"{name}, row {row}: the label is {array[row]} ({len(missing)} such row(s)); drop or fill those rows")
        if (array % 1 == 0).all():
            return _of_64_bits(array, name)
        row = np.flatnonzero(array % 1)[0]
        raise TypeError(
            f"{name}, row {row}: labels must be integer class indices, got {array[row]:g}; if they are a quantity, cut it into a "
            "few classes first, e.g. with numpy.digitize; of other numbers take np.unique(…, return_inverse=True)"
        )
    raise TypeError(f"{name}: labels must be integer class indices, got dtype {array.dtype}; use np.unique(…, return_inverse=True)")


def _of_64_bits(array: np.ndarray, name: str) -> np.ndarray:
    """Larger numbers would become negative ones."""
    large = np.flatnonzero(np.abs(array.astype(np.float64)) >= 2**63)
    if len(large):
        raise ValueError(f"{name}, row {large[0]}: the label is {array[large[0]]}, larger than any class index; number them from 0")
    return array.astype(np.int64)


def _refuse_quantities(labels: np.ndarray, name: str) -> None:
    distinct, highest = len(np.unique(labels)), int(labels.max())
    if distinct > MANY and distinct > len(labels) / 2:
        raise ValueError(
            f"{name}: labels hold {distinct:,} different numbers in {len(labels):,} rows, a quantity rather than classes; cut it "
            "into a few classes first, e.g. with numpy.digitize, or give classes="
        )
    if highest > max(1000, 100 * len(labels)):
        raise ValueError(
            f"{name}: labels run up to {highest:,}, so that there were {highest + 1:,} classes for {len(labels):,} examples; "
            "number them from 0 with np.unique(…, return_inverse=True)"
        )
    refuse_classes(highest + 1, name)
