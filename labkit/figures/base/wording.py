"""Checks of input tables, and short texts in figures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import numpy as np
import pandas as pd

PERCENT = 100.0


def needs(frame: pd.DataFrame, columns: Iterable[str], *, figure: str, advice: str) -> None:
    """Raise a ValueError when a frame lacks one of `columns`."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"{figure} needs the columns {', '.join(columns)}; {', '.join(missing)} missing: {advice}")


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign and a true minus, as in +1.2 or −1.2; zero has no sign, NaN is empty."""
    if np.isnan(value):
        return ""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def short(name: object, length: int = 20) -> str:
    """Return a name that fits beside an axis at 420 px."""
    text = str(name)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def two_lines(name: object, width: int = 18) -> str:
    """Return a label of at most two lines of `width` characters."""
    return "<br>".join(textwrap.wrap(str(name), width, max_lines=2, placeholder=" …") or [""])


def ceiling(values: Iterable[float], least: float = 1.0) -> float:
    """Return the first of 1, 2, 5, 10, 20, 50 … that no absolute value exceeds; it is stable under small changes of the values."""
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    top = least
    steps = np.array([2.0, 2.5, 2.0])
    turn = 0
    while top < largest:
        top *= steps[turn % 3]
        turn += 1
    return float(top)
