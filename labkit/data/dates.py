"""Columns of dates: one number a date, the days since 1970-01-01; clock times alone become hours."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pandas as pd

TIMES = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    "T%H:%M",
    "T%H:%M:%S",
    "T%H:%M:%S.%f",
    "T%H:%M:%S%z",
    "T%H:%M:%S.%f%z",
    " %H:%M:%S%z",
)
DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y"),
)
CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
FORMATS = (*(day + time for day in DAYS for time in TIMES), "%Y-%m", "%m/%Y", "%b %Y", "%B %Y", *CLOCKS)
LONGEST = 100  # characters of a date; to try all formats on longer texts could take minutes
PROBE = 20  # cells that rule most formats out quickly


def format_of_dates(texts: pd.Series) -> str | None:
    """Find the format in which all texts are dates.

    Parameters
    ----------
    texts : Series of str
        No missing cells. Where month and day could be exchanged in all of them, months come first with slashes and dashes.

    Returns
    -------
    str or None
        None if there is none.

    Examples
    --------
    >>> format_of_dates(pd.Series(["31.12.2020", "1.2.2021"])), format_of_dates(pd.Series(["12/31/2020"]))
    ('%d.%m.%Y', '%m/%d/%Y')
    """
    distinct = pd.Series(texts.unique())
    if len(distinct) and distinct.str.len().max() > LONGEST:
        return None
    if not len(distinct) or not distinct.str.contains(r"\d").all() or not distinct.iloc[:PROBE].str.contains(r"[-/.: ]").all():
        return None
    first = distinct.iloc[0]
    for form in FORMATS:
        if not _outline(form).fullmatch(first):
            continue
        if not np.isnan(days(distinct.iloc[:PROBE], form)).any() and not np.isnan(days(distinct, form)).any():
            return form
    return None


@cache
def _outline(form: str) -> re.Pattern[str]:
    """What every date of a format looks like: thousands of columns cannot each try 180 formats by `pandas.to_datetime`."""
    pieces = re.split(r"(%.)", form)
    digits = {f"%{letter}": r"[+-]?\d+" for letter in "YymdHMSf"}
    return re.compile(
        "".join(
            digits.get(piece) or (".+" if piece.startswith("%") else re.escape(piece).replace("\\ ", r"\s+")) for piece in pieces
        )
    )


def days(texts: pd.Series, form: str) -> np.ndarray:
    """Return days since 1970-01-01, or hours since midnight of clock times; NaN for what is not written so.

    Parameters
    ----------
    texts : Series of str [N]
    form : str
        A format of `datetime.strptime`.

    Returns
    -------
    float64 array [N]

    Examples
    --------
    >>> days(pd.Series(["1970-01-02", "?"]), "%Y-%m-%d").tolist()
    [1.0, nan]
    """
    found = pd.to_datetime(texts, format=form, errors="coerce", utc="%z" in form)
    if found.dt.tz is not None:
        found = found.dt.tz_localize(None)
    if form in CLOCKS:
        return ((found - found.dt.normalize()) / pd.Timedelta(hours=1)).to_numpy(float)
    return ((found - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(float)
