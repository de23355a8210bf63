"""Ticks of a logarithmic axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

MANY = 1e3  # ratio of largest to smallest value beyond which only decades have a tick


def log_ticks(values: Iterable[float], *, few: bool = False) -> dict:
    """Return the entries of a logarithmic Plotly axis with complete tick labels.

    Plotly's own labels between decades are bare digits, such as 2 for 0.2.

    Parameters
    ----------
    values : iterable of float
        All above 0; the ticks cover all of them.
    few : bool
        Label decades only, for long labels side by side.

    Returns
    -------
    dict
    """
    values = np.asarray(list(values), float)
    first, last = int(np.floor(np.log10(values.min()))), int(np.ceil(np.log10(values.max())))
    digits = (1, 2, 5) if not few and values.max() / values.min() <= MANY else (1,)
    ticks = [digit * 10.0**decade for decade in range(first, last + 1) for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}
