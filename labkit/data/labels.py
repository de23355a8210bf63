"""From the target column to classes: values equal as numbers are one class, quantities are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.data.limits import refuse_classes
from labkit.data.numerals import parse, style_of
from labkit.data.pictures import count
from labkit.data.spelling import FLAGS, exact
from labkit.words import shortly

MANY = 20  # different values below which any target holds classes


def classes_of(column: pd.Series, where: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the classes of a target column, numbers by value (2 before 10), others by name, and the label of each row.

    Parameters
    ----------
    column : Series of str [N]
        As `one_spelling` returns it.
    where : str
        The file, for error messages.

    Returns
    -------
    classes : tuple of str
    labels : int64 array [N]

    Raises
    ------
    ValueError
        If there is one class only, or the values are quantities or nearly all different.
    """
    names = list(column.unique())
    numbers = pd.to_numeric(pd.Series(names), errors="coerce")
    numeric = bool(numbers.notna().all())
    _refuse_quantities(column, names, numbers.to_numpy(float) if numeric else None, where)
    if len(names) < 2:
        raise ValueError(
            f"{where}: target column {shortly(column.name)} holds only {shortly(names[0])}; at least two classes are needed"
        )
    refuse_classes(len(names), where)
    names.sort(key=(lambda name: (float(name), name)) if numeric else str)
    return tuple(names), column.map({name: i for i, name in enumerate(names)}).to_numpy(np.int64)


def _refuse_quantities(column: pd.Series, names: list[str], numbers: np.ndarray | None, where: str) -> None:
    many, rows = len(names), len(column)
    if numbers is None:
        style = style_of(pd.Series(names))
        numbers = None if style is None else parse(pd.Series(names), style)
    mostly_different = many > MANY and many > rows / 2
    fractions = numbers is not None and many > MANY and bool((numbers % 1 != 0).any())
    if fractions or (mostly_different and numbers is not None):
        raise ValueError(
            f"{where}: target column {shortly(column.name)} holds {many:,} different numbers in {count(rows, 'row')}, a quantity "
            "rather than classes; cut it into a few classes first, e.g. with pandas.qcut, or choose another target"
        )
    if mostly_different:
        raise ValueError(
            f"{where}: target column {shortly(column.name)} holds {many:,} different texts in {count(rows, 'row')}, hardly "
            "classes; "
            "choose another target"
        )


def labels_like(column: pd.Series, classes: Sequence[str], where: str) -> np.ndarray:
    """Return the labels of another file's target column among known classes, numbers by value.

    Parameters
    ----------
    column : Series of str [N]
        Indexed by row numbers.
    classes : sequence of str
    where : str
        The file, for error messages.

    Returns
    -------
    int64 array [N]

    Raises
    ------
    ValueError
        If a value is none of the classes.
    """
    place = {key: i for i, name in enumerate(classes) for key in _keys(name)}
    found = {name: next((place[key] for key in _keys(name) if key in place), -1) for name in column.unique()}
    labels = column.map(found).to_numpy(np.int64)
    strange = np.flatnonzero(labels < 0)
    if len(strange):
        raise ValueError(
            f"{where}, row {column.index[strange[0]]}: target column {shortly(column.name)} holds "
            f"{shortly(column.iloc[strange[0]])}, which is "
            f"none of the {len(classes)} classes of the first file "
            f"({', '.join(name[:40] for name in classes[:5])}{', …' if len(classes) > 5 else ''})"
        )
    return labels


def _keys(name: str) -> list[object]:
    """What a class may be written as, the exact spelling first."""
    try:
        float(name)
        return [name, exact(name)]
    except ValueError:
        flag = any(name.casefold() in flags for flags in FLAGS)
        return [name, ("flag", name.casefold())] if flag else [name]


def few_notes(labels: np.ndarray, classes: Sequence[str], few: int = 5) -> list[str]:
    """Say which classes have so few rows that a part may have none, and whether many classes are numbers.

    Parameters
    ----------
    labels : int array [N]
    classes : sequence of str
    few : int

    Returns
    -------
    list of str
    """
    counts = np.bincount(labels, minlength=len(classes))
    rare = [f"{shortly(classes[i])} ({counts[i]})" for i in np.flatnonzero((counts > 0) & (counts < few)).tolist()]
    notes = []
    if rare:
        shown = ", ".join(rare[:5]) + (", …" if len(rare) > 5 else "")
        of = "1 class" if len(rare) == 1 else f"{len(rare):,} classes"
        notes.append(f"{of} with fewer than {few} rows: {shown}; their figures say little")
    if len(classes) > MANY and pd.to_numeric(pd.Series(classes), errors="coerce").notna().all():
        notes.append(f"the {len(classes)} classes are numbers; if they are a quantity, cut it into a few classes first")
    return notes
