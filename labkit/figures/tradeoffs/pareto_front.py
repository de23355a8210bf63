"""The Pareto front of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.figures.base.wording import needs


def pareto_front(frame: pd.DataFrame, x: str) -> pd.Index:
    """Return the rows that no other row dominates: at least as accurate at no higher `x`, and strictly better in one of them.

    Parameters
    ----------
    frame : DataFrame
        Columns accuracy (higher is better) and `x` (lower is better). A row with a NaN in either is never on the front and
        dominates no other.
    x : str
        Name of the column.

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
    needs(frame, ("accuracy", x), figure="pareto_front", advice="name a column of the frame")
    cost, accuracy = frame[x].to_numpy(float), frame["accuracy"].to_numpy(float)
    known = np.flatnonzero(~(np.isnan(cost) | np.isnan(accuracy)))
    order = known[np.lexsort((-accuracy[known], cost[known]))]
    if not len(order):
        return frame.index[:0]
    # from left to right: a row is on the front if it sets a record, or equals the row that set the last one
    best = np.maximum.accumulate(accuracy[order])
    first = np.searchsorted(best, best)
    kept = (accuracy[order] == best) & (cost[order] == cost[order][first])
    return frame.index[order[kept]]
