"""The Pareto front of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.figures.base.wording import needs


def pareto_front(frame: pd.DataFrame, x: str, *, low: str = "", high: str = "") -> pd.Index:
    """Return the rows that no other row dominates: at least as accurate at no higher `x`, and strictly better in one of them.

    Where `x` is known with an interval, a row is cheaper than another only if their intervals are apart: a row is on the front if
    it is certainly cheaper than every more accurate row, and not certainly dearer than an equally accurate one. Noise in `x` alone
    then puts no row on the front, and ranks no two networks that are equal.

    Parameters
    ----------
    frame : DataFrame
        Columns accuracy (higher is better) and `x` (lower is better). A row with a NaN in either, or in its interval, is never on
        the front and dominates no other.
    x : str
        Name of the column.
    low, high : str
        Columns with the ends of the interval of `x`; by default `x` is exact.

    Returns
    -------
    Index
        In the order of increasing `x`; equal rows are all included.

    Raises
    ------
    ValueError
        When a column is missing.

    Examples
    --------
    >>> runs = pd.DataFrame({"accuracy": [0.9, 0.8, 0.7], "bytes": [30, 10, 20]}, index=["a", "b", "c"])
    >>> list(pareto_front(runs, "bytes"))
    ['b', 'a']
    """
    names = (x, low or x, high or x)
    needs(frame, ("accuracy", *names), figure="pareto_front", advice="name a column of the frame")
    cost, least, most = (frame[name].to_numpy(float) for name in names)
    accuracy = frame["accuracy"].to_numpy(float)
    known = np.flatnonzero(~np.isnan(np.stack([cost, least, most, accuracy])).any(axis=0))
    levels, place = np.unique(accuracy[known], return_inverse=True)
    cheapest, bound = (np.full(len(levels), np.inf) for _ in range(2))  # of each accuracy: the smallest lower and upper end
    np.minimum.at(cheapest, place, least[known])
    np.minimum.at(bound, place, most[known])
    above = np.minimum.accumulate(np.append(np.inf, cheapest[::-1]))[::-1][1:]  # the smallest lower end of all higher accuracies
    kept = known[(most[known] < above[place]) & (least[known] <= bound[place])]
    return frame.index[kept[np.lexsort((accuracy[kept], cost[kept]))]]
