"""Common parts of figures of means over seeds: whiskers, hover texts, and an axis range that ignores very long whiskers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from labkit.figures.base.wording import PERCENT

MEANS = ("mean", "low", "high")
LEAST = 1.0  # least percentage points of the axis above and below the means, where whiskers need them
AIR = 0.06  # free share of the axis at either end


def whiskers(cells: pd.DataFrame) -> dict[str, Any]:
    """Return the error bars of accuracies in percent; an infinite interval, as of one seed, has no whisker."""
    ends = {"array": cells["high"] - cells["mean"], "arrayminus": cells["mean"] - cells["low"]}
    lengths = {key: np.where(np.isfinite(length), length, np.nan) * PERCENT for key, length in ends.items()}
    return {"type": "data", "symmetric": False, "thickness": 1.5, "width": 4, **lengths}


def in_words(row: Any) -> str:
    """Return mean and interval of a cell, with the number of seeds where the frame has it."""
    seeds = getattr(row, "seeds", None)
    told = "" if seeds is None else f", {int(seeds)} seed{'' if seeds == 1 else 's'}"
    if not np.isfinite(row.low):
        return f"{PERCENT * row.mean:.2f} %{told}: no interval"
    return f"{PERCENT * row.mean:.2f} % (95 % interval {PERCENT * row.low:.2f} to {PERCENT * row.high:.2f}{told})"


def reach(cells: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Return the range of an axis of accuracies in percent: all means, and whiskers up to the length of the range of the means.

    A whisker of two seeds can be ten times as long as the differences of interest; it is cut off then.
    """
    rows = pd.concat([frame[list(MEANS)] for frame in cells]) * PERCENT
    if rows.empty:
        return {}
    bottom, top = rows["mean"].min(), rows["mean"].max()
    room = max(top - bottom, LEAST)
    ends = rows.replace([np.inf, -np.inf], np.nan)
    low = max(np.nanmin([bottom, ends["low"].min()]), bottom - room)
    high = min(np.nanmax([top, ends["high"].max()]), top + room)
    air = AIR * max(high - low, LEAST)
    return {"range": [low - air, high + air]}
