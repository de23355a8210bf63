"""What figures of means over seeds share: whiskers, hover texts, and an axis that a wide whisker does not squeeze."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from labkit.figures.wording import PERCENT

MEANS = ("mean", "low", "high")
LEAST = 1.0  # percentage points that the axis shows above and below the means where whiskers need them
AIR = 0.06  # of the axis, free at either end


def whiskers(cells: pd.DataFrame) -> dict[str, Any]:
    """Return the error bars of accuracies in percent; an infinite interval, as of one seed, has none."""
    ends = {"array": cells["high"] - cells["mean"], "arrayminus": cells["mean"] - cells["low"]}
    lengths = {key: np.where(np.isfinite(length), length, np.nan) * PERCENT for key, length in ends.items()}
    return {"type": "data", "symmetric": False, "thickness": 1.5, "width": 4, **lengths}


def in_words(row: Any) -> str:
    """Return mean and interval of a cell, with the number of seeds where the frame has it."""
    seeds = getattr(row, "seeds", None)
    told = "" if seeds is None else f", {int(seeds)} seed{'' if seeds == 1 else 's'}"
    if not np.isfinite(row.low):
        return f"{PERCENT * row.mean:.2f} %{told}, so that there is no interval"
    return f"{PERCENT * row.mean:.2f} % (95 % interval {PERCENT * row.low:.2f} to {PERCENT * row.high:.2f}{told})"


def reach(cells: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Return the range of an axis of accuracies in percent: every mean, and whiskers as far as they do not squeeze the means.

    A whisker of two seeds can be ten times as long as the differences that the figure is about; it runs out of the picture then.
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
