"""Sensitive features as text: what `pandas.cut`, dates, flags, numbers or tuples give cannot all be stored and sorted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from labkit.data.given_arrays import as_numpy, refuse_masked
from labkit.data.paths import is_text
from labkit.words import shortly

DIGITS = frozenset("0123456789")


def as_group_text(groups: Any) -> pd.DataFrame:
    """Return sensitive features as a table of text; missing values stay missing.

    Parameters
    ----------
    groups : DataFrame [N, columns], Series [N], array [N], or dict of columns
        Values of any type; unused categories are forgotten. A column without a name is called "group".

    Returns
    -------
    DataFrame
        The same table if it holds only text already.

    Raises
    ------
    ValueError
        When an array has more than one dimension, two columns have the same name, values are masked, or are no text that
        UTF-8 holds.

    Examples
    --------
    >>> as_group_text(pd.DataFrame({"age": pd.cut([5, 40], [0, 30, 50]), "old": [False, True]})).to_dict("list")
    {'age': ['(0, 30]', '(30, 50]'], 'old': ['False', 'True']}
    """
    refuse_masked(list(groups.values()) if isinstance(groups, dict) else groups, "groups")
    frame = _frame(groups)
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"groups have {names.count(twice[0])} columns named {shortly(twice[0])}; rename or drop one")
    if names == list(frame.columns) and all(_is_text(frame[name]) for name in frame.columns):
        return frame
    columns = {name: _text(frame.iloc[:, place]) for place, name in enumerate(names)}
    return pd.DataFrame(columns, index=frame.index)


def _frame(groups: Any) -> pd.DataFrame:
    if isinstance(groups, pd.DataFrame):
        return groups
    if isinstance(groups, dict):
        try:
            return pd.DataFrame(groups)
        except (ValueError, TypeError) as error:
            raise ValueError(f"groups cannot become a table ({str(error)[:200]}); give columns of one length each") from error
    if isinstance(groups, pd.Series):
        return groups.to_frame("group" if groups.name is None else groups.name)
    if isinstance(groups, (list, tuple)) and not all(is_text(each) for each in groups if isinstance(each, str)):
        raise ValueError("groups hold half a character, which UTF-8 cannot; correct it")
    if isinstance(groups, (list, tuple)) and any(isinstance(value, tuple) for value in groups):
        return pd.DataFrame({"group": pd.Series(list(groups), dtype=object)})  # np.asarray would make tuples an axis
    array = groups if isinstance(groups, (pd.Index, pd.api.extensions.ExtensionArray)) else as_numpy(groups, "groups")
    if array.ndim != 1:
        raise ValueError(f"groups must be a DataFrame, a Series or a 1-D array, got an array of shape {list(array.shape)}")
    return pd.DataFrame({"group": array})


def _is_text(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.StringDtype)


def _text(column: pd.Series) -> pd.Series:
    if _is_text(column):
        return column
    if column.dtype == object:
        column = column.map(lambda value: value.decode(errors="replace") if isinstance(value, bytes) else value)
    missing = pd.isna(column)
    # str() of a Timestamp at midnight differs from what the dtype prints, and fingerprints of splits are made of the latter
    try:
        text = column.astype(str).astype("str")
    except UnicodeEncodeError as error:
        raise ValueError(f"group column {shortly(column.name)} holds half a character, which UTF-8 cannot; correct it") from error
    return text.mask(missing) if missing.any() else text


def in_order(names: Iterable[str]) -> list[str]:
    """Sort group names as people do: numbers by value, numbers within text too.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> in_order(["(10, 20]", "(5, 10]"]), in_order(["0.5", "0.25"])
    (['(5, 10]', '(10, 20]'], ['0.25', '0.5'])
    """
    names = list(names)
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names, key=_natural)


def _natural(name: str) -> tuple:
    parts = re.split(r"([0-9]+)", name)
    digits = [part.lstrip("0") if part[:1] in DIGITS else part for part in parts]  # no int(): it takes 4,300 digits at most
    kinds = [(0, len(held), held) if part[0] in DIGITS else (1, 0, part) for part, held in zip(parts, digits, strict=True) if part]
    return tuple(kinds), name
