"""Figures of several trainings that differ by their seed: means with t-intervals, and differences between pairs of equal seed."""

from __future__ import annotations

import numpy as np
import pandas as pd


def t_interval(values: np.ndarray | pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Return Student's interval for the mean of a few independent values.

    Parameters
    ----------
    values : float [n]
    level : float
        Confidence.

    Returns
    -------
    low, high : float
        Infinite for a single value.

    Raises
    ------
    ValueError
        Without values, or a level outside (0, 1).
    """
    from scipy import stats

    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}; 0.95 gives a 95 % interval")
    array = np.asarray(values, float)
    if not len(array):
        raise ValueError("an interval needs at least one value, got none")
    middle = float(array.mean())
    if len(array) == 1:
        return -np.inf, np.inf
    half = stats.t.ppf((1 + level) / 2, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array))
    return middle - float(half), middle + float(half)


def over_seeds(rows: pd.DataFrame, by: list[str], value: str = "accuracy", *, level: float = 0.95) -> pd.DataFrame:
    """Return the mean over seeds with its interval for each combination of some columns.

    Parameters
    ----------
    rows : DataFrame
        One row per training.
    by : list of str
        Columns that tell the cells apart.
    value : str
        Column to average.
    level : float
        Confidence.

    Returns
    -------
    DataFrame
        One row per cell: the columns `by`, ``mean``, ``low``, ``high``, ``seeds``.
    """
    cells = []
    for key, group in rows.groupby(by, sort=False, dropna=False):
        low, high = t_interval(group[value], level)
        where = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        cells.append({**where, "mean": group[value].mean(), "low": low, "high": high, "seeds": len(group)})
    types = {"mean": float, "low": float, "high": float, "seeds": int}
    return pd.DataFrame(cells, columns=[*by, *types]).astype(types)


def paired_difference(
    a: pd.DataFrame, b: pd.DataFrame, value: str = "accuracy", *, on: str = "seed", level: float = 0.95
) -> pd.Series:
    """Return the mean of b - a over pairs of equal seed, with its interval.

    Parameters
    ----------
    a, b : DataFrame
        One row per training.
    value : str
        Column to compare.
    on : str
        Column by which rows are paired.
    level : float
        Confidence.

    Returns
    -------
    Series
        ``mean``, ``low``, ``high`` and ``seeds`` (number of pairs).

    Raises
    ------
    ValueError
        When no seed is in both, or one is twice in either.
    """
    both = a[[on, value]].merge(b[[on, value]], on=on, suffixes=("_a", "_b"), validate="one_to_one")
    if both.empty:
        raise ValueError(f"no {on} is in both groups, so that nothing can be paired")
    change = both[f"{value}_b"] - both[f"{value}_a"]
    low, high = t_interval(change, level)
    return pd.Series({"mean": change.mean(), "low": low, "high": high, "seeds": len(change)})
