"""Which runs nobody beats."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.figures.wording import needs


def pareto_front(frame: pd.DataFrame, x: str) -> pd.Index:
    """Return the rows for which no other has at least their accuracy at no more `x`, with one of both strictly better.

    Parameters
    ----------
    frame : DataFrame
        Columns accuracy (more is better) and `x` (less is better). A row with a NaN in either is never on the front and
        beats nobody.
    x : str
        Name of the column.

    Returns
    -------
    Index
        In the order of increasing `x`; of equal rows all.

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
    # walking to the right: a row stays if it sets a record, or equals the row that set the last one
    best = np.maximum.accumulate(accuracy[order])
    first = np.searchsorted(best, best)
    kept = (accuracy[order] == best) & (cost[order] == cost[order][first])
    return frame.index[order[kept]]
