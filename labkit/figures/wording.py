"""Checks of what comes in and short texts for what goes out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import numpy as np
import pandas as pd

PERCENT = 100.0


def needs(frame: pd.DataFrame, columns: Iterable[str], *, figure: str, advice: str) -> None:
    """Refuse a frame that lacks one of `columns` (ValueError)."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"{figure} needs the columns {', '.join(columns)}; {', '.join(missing)} missing: {advice}")


def signed(value: float, digits: int = 1) -> str:
    """+1.2 or −1.2 with a true minus; a zero has no sign, NaN is empty."""
    if np.isnan(value):
        return ""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def short(name: object, length: int = 20) -> str:
    """A name that fits beside an axis at 420 px."""
    text = str(name)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def two_lines(name: object, width: int = 18) -> str:
    """A label on at most two lines of `width` characters."""
    return "<br>".join(textwrap.wrap(str(name), width, max_lines=2, placeholder=" …") or [""])


def ceiling(values: Iterable[float], least: float = 1.0) -> float:
    """The first of 1, 2, 5, 10, 20, 50 … that no |value| exceeds: it stays put while a slider moves the values a little."""
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    top = least
    steps = np.array([2.0, 2.5, 2.0])
    turn = 0
    while top < largest:
        top *= steps[turn % 3]
        turn += 1
    return float(top)
