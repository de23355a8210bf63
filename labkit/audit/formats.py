"""Formatting of figures: percentages, percentage points, counts, bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


def percent(rate: float, digits: int = 2) -> str:
    """Format a fraction as a percentage.

    Parameters
    ----------
    rate : float
    digits : int
        Decimals.

    Returns
    -------
    str

    Examples
    --------
    >>> percent(0.9238)
    '92.38 %'
    """
    return f"{100 * rate:.{digits}f} %"


def points(change: float, digits: int = 2) -> str:
    """Format a difference of two fractions in signed percentage points, with a true minus sign.

    Parameters
    ----------
    change : float
    digits : int
        Decimals.

    Returns
    -------
    str

    Examples
    --------
    >>> points(0.002)
    '+0.20 pp'
    """
    return f"{signed(100 * change, digits)} pp"


def signed(number: float, digits: int = 2) -> str:
    """Format a number with its sign; what rounds to zero has none.

    Parameters
    ----------
    number : float
    digits : int
        Decimals.

    Returns
    -------
    str

    Examples
    --------
    >>> signed(0.2), signed(0.001)
    ('+0.20', '0.00')
    """
    text = f"{abs(number):.{digits}f}"
    return text if not float(text) else ("+" if number > 0 else "−") + text


def size(count: float, unit: str = "B") -> str:
    """Format a count with three significant digits and a decimal prefix.

    Parameters
    ----------
    count : float
    unit : str

    Returns
    -------
    str

    Examples
    --------
    >>> size(5_067_464)
    '5.07 MB'
    """
    text, prefix = "0", ""
    for prefix in ("", "k", "M", "G", "T"):
        text = f"{count:.0f}" if not prefix or abs(count) >= 99.995 else f"{count:.2f}"
        if abs(float(text)) < 1000:  # after rounding: 999,999 bytes are 1.00 MB
            break
        count /= 1000
    return f"{text if float(text) else 0} {prefix}{unit}".rstrip()


@dataclass(frozen=True)
class Format:
    """Formatting of one kind of figure.

    Parameters
    ----------
    text : callable
        ``text(value) -> str``.
    scale : float
        Factor of the value in numeric table columns, e.g. 100 for percentages.
    printf : str
        C format of numeric table columns, applied to the scaled value.
    """

    text: Callable[[float], str]
    scale: float = 1.0
    printf: str = "%.4g"


FORMATS: dict[str, Format] = {
    "percent": Format(percent, 100, "%.2f %%"),
    "percent1": Format(lambda rate: percent(rate, 1), 100, "%.1f %%"),
    "share": Format(lambda ratio: f"{100 * ratio:.0f} %", 100, "%.0f %%"),
    "times": Format(lambda ratio: f"{ratio:.2f}x", 1, "%.2fx"),
    "points": Format(points, 100, "%+.2f pp"),
    "points1": Format(lambda change: points(change, 1), 100, "%+.1f pp"),
    "gap": Format(lambda gap: f"{100 * gap:.1f} pp", 100, "%.1f pp"),
    "count": Format(lambda count: f"{count:.0f}", 1, "%d"),
    "bytes": Format(size, 1e-3, "%,.0f kB"),
    "operations": Format(lambda count: size(count, ""), 1e-6, "%,.2f M"),
    "ms": Format(lambda ms: f"{ms:.3g} ms" if ms < 999.5 else f"{ms:.0f} ms", 1, "%.2f ms"),
}


def format_of(name: str | Callable[[float], str], unit: str = "") -> Format:
    """Look a format up.

    Parameters
    ----------
    name : str or callable
        A key of `FORMATS`, a format specification such as ".3f", or a function of the value.
    unit : str
        Appended where `name` is a specification.

    Returns
    -------
    Format

    Raises
    ------
    ValueError
        When `name` is neither.
    """
    if callable(name):
        return Format(name)
    if name in FORMATS:
        return FORMATS[name]
    try:
        f"{1.0:{name}}"
    except ValueError:
        known = ", ".join(FORMATS)
        raise ValueError(
            f"format must be one of {known}, a format specification such as '.3f', or a function, got {name!r}"
        ) from None
    tail = f" {unit}" if unit else ""
    plain = re.fullmatch(r"[+ ]?\d*(\.\d+)?[defg]", name)  # also valid in C's printf
    printf = f"%{name if plain else '.4g'}{tail.replace('%', '%%')}"
    return Format(lambda value: f"{value:{name}}{tail}", 1.0, printf)
