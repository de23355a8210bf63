"""Accuracy of sensitive groups before and after compression, with verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.audit.checks import group_frame
from labkit.audit.mcnemar import paired_interval
from labkit.audit.verdicts import HARM, with_verdicts
from labkit.data import in_order


def group_changes(
    before: np.ndarray, after: np.ndarray, groups: pd.DataFrame, *, harm: float = HARM, level: float = 0.95
) -> pd.DataFrame:
    """Return accuracy before and after for every sensitive group, with a verdict.

    Parameters
    ----------
    before, after : bool [N]
        Whether the reference, and whether the candidate classifies an example correctly.
    groups : DataFrame [N, columns]
        Sensitive features, compared as text.
    harm : float
    level : float
        Confidence of the intervals.

    Returns
    -------
    DataFrame
        Indexed (group column, group): ``examples``, ``reference_accuracy``, ``accuracy``, ``change`` with limits ``change_low``
        and ``change_high``, ``n01``, ``n10``, ``verdict``, ``needed``.
    """
    frame = group_frame(groups)
    parts = [_changes(str(column), frame[column], before, after, level) for column in frame.columns]
    return with_verdicts(pd.concat(parts), harm=harm, level=level)


def _changes(column: str, groups: pd.Series, before: np.ndarray, after: np.ndarray, level: float) -> pd.DataFrame:
    found, unsorted = pd.factorize(groups)
    names = in_order(unsorted)
    codes = pd.Index(names).get_indexer(unsorted)[found]
    count = len(names)
    examples, right, was_right, n01, n10 = (
        np.bincount(codes[rows], minlength=count) for rows in (slice(None), after, before, before & ~after, after & ~before)
    )
    low, high = paired_interval(n01, n10, examples, level)
    index = pd.MultiIndex.from_product([[column], list(names)], names=["group column", "group"])
    return pd.DataFrame(
        {
            "examples": examples,
            "reference_accuracy": was_right / examples,
            "accuracy": right / examples,
            "change": (n10 - n01) / examples,
            "change_low": low,
            "change_high": high,
            "n01": n01,
            "n10": n10,
        },
        index=index,
    )
