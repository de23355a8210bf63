"""Tables of many rows in figures: the rows with the largest change are drawn, and how many there are is said."""

from __future__ import annotations

import numpy as np
import pandas as pd

MOST = 100  # rows that a browser still draws at once, and a reader scrolls through


def largest(size: np.ndarray, most: int = MOST) -> np.ndarray:
    """Return the places of the largest entries, in their own order; NaN counts as smallest.

    Parameters
    ----------
    size : float [n]
        Not negative.
    most : int

    Returns
    -------
    ndarray
        int [min(n, most)].
    """
    if len(size) <= most:
        return np.arange(len(size))
    return np.sort(np.argsort(-np.where(np.isnan(size), -1.0, size), kind="stable")[:most])


def left_out(total: int, drawn: int, of: str = "classes") -> str:
    """Return what an axis title says where not all rows are drawn."""
    return "" if total == drawn else f"; largest {drawn} of {total:,} {of}"


def as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which figures that are None are NaN: of a network that predicts one class only some are undefined.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    DataFrame
        The same where no column of numbers holds None.
    """
    mixed = {name: _numbers(table[name]) for name in table.columns if table[name].dtype == object}
    return table.assign(**{name: column for name, column in mixed.items() if column is not None})


def _numbers(column: pd.Series) -> pd.Series | None:
    known = column.dropna()
    return column.astype(float) if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known) else None
