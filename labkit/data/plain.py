"""Columns of plain numbers in tables of thousands of columns: each step of pandas takes half a millisecond a column."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

WIDE = 500  # columns
SHORT = 2_000  # rows; with more of them the steps of pandas are the faster ones
NUMBER = re.compile(r"-?(?:[0-9]{1,7}(?:\.[0-9]{0,8})?|\.[0-9]{1,8})")  # held by 32 bits as well as any
THOUSANDS = re.compile(r"-?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)")  # a thousand and more, if points divided thousands
CODE = re.compile(r"0[0-9]+")


def plain_columns(frame: pd.DataFrame, names: Collection[str]) -> dict[str, bool]:
    """Find the columns of which there is nothing to say: plain numbers, none missing, not all equal, no codes such as 007.

    Parameters
    ----------
    frame : DataFrame of str
    names : collection of str
        The columns to look at.

    Returns
    -------
    dict of str to bool
        Column -> whether its numbers can only have decimal points. Empty for a table of few columns or many rows.
    """
    if len(names) < WIDE or len(frame) > SHORT:
        return {}
    found = {}
    for name in names:
        cells = frame[name].tolist()
        if cells and len(set(cells)) > 1 and all(map(NUMBER.fullmatch, cells)) and not any(map(CODE.fullmatch, cells)):
            points = any("." in cell for cell in cells)
            if not points or not all(map(THOUSANDS.fullmatch, cells)):
                found[name] = points
    return found


def read_together(frame: pd.DataFrame, names: Collection[str]) -> dict[str, np.ndarray]:
    """Read many columns of plain numbers at once.

    Parameters
    ----------
    frame : DataFrame of str [N, columns]
    names : collection of str
        Columns whose numbers are plain in the file that an encoding was made of.

    Returns
    -------
    dict of str to float32 array [N]
        Columns in which every cell is a number that 32 bits hold; empty for a table of few columns or many rows.
    """
    if len(names) < WIDE or len(frame) > SHORT or not len(frame):
        return {}
    cells = np.concatenate([frame[name].to_numpy(dtype=object) for name in names])
    with np.errstate(over="ignore"):
        values = pd.to_numeric(cells, errors="coerce").astype(np.float64).astype(np.float32).reshape(len(names), len(frame))
    sound = np.isfinite(values).all(axis=1)
    return {name: values[place] for place, name in enumerate(names) if sound[place]}
