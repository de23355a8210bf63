"""Ticks of a logarithmic axis, written out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

MANY = 1e3  # times the smallest value, beyond which decades alone have a tick


def log_ticks(values: Iterable[float], *, few: bool = False) -> dict:
    """Return the entries of a plotly axis that make it logarithmic: plotly's own ticks between decades are bare digits, 2 for 0.2.

    Parameters
    ----------
    values : iterable of float
        All above 0; the ticks reach over all of them.
    few : bool
        Decades alone, for long labels that stand side by side.
    """
    values = np.asarray(list(values), float)
    first, last = int(np.floor(np.log10(values.min()))), int(np.ceil(np.log10(values.max())))
    digits = (1, 2, 5) if not few and values.max() / values.min() <= MANY else (1,)
    ticks = [digit * 10.0**decade for decade in range(first, last + 1) for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}
