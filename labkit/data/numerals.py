"""Numbers as people write them: 1,100.5 and 1.100,5 and 1 100, $5, (5), 3 %, 12 kg."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

SPACES = " \u00a0\u2009\u202f'’_"
CURRENCY = (
    r"(?:[$€£¥₹₽₩₺฿₪₫₱]|(?:US|A|C|HK|NZ)\$|R\$|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|ZAR|kr\.?|zł|Fr\.)"
)
AROUND = re.compile(rf"^{CURRENCY}\s*|\s*{CURRENCY}$")
MISSING = frozenset(
    ["", "na", "n/a", "nan", "null", "none", "?", "#n/a", "#na", "<na>", "n.a.", "nat", "#value!", "#div/0!", "#ref!", "#null!"]
)
MISSING_NUMBER = MISSING | {"-", "--", "–", "—", ".", "missing", "..", "*"}  # in a column of text these may be values: + and -
ADDRESS = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
DIGIT = re.compile("[0-9]")
LONGEST = 200  # characters of a number with its currency or unit; to try all styles on longer ones could take minutes
PROBE = 100  # texts that rule most styles out quickly


@dataclass(frozen=True)
class Style:
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : str
        Characters that may divide groups of three digits; empty for none.
    dressed : str
        "currency", "percent", "unit " and a unit that follows every number, "signs" for signs other than a leading minus, or empty.
    """

    decimal: str = "."
    thousands: str = ""
    dressed: str = ""


PLAIN = Style()


def missing(column: pd.Series, *, number: bool = False) -> np.ndarray:
    """Return which cells hold nothing, bool [N].

    Parameters
    ----------
    column : Series of str
    number : bool
        Whether the others are numbers: "-" and "." then stand for nothing too.

    Returns
    -------
    ndarray of bool
    """
    return column.str.lower().isin(MISSING_NUMBER if number else MISSING).to_numpy(bool)


def parse(texts: pd.Series, style: Style) -> np.ndarray:
    """Read numbers of one style; what is not written so becomes NaN.

    Parameters
    ----------
    texts : Series of str [N]
    style : Style

    Returns
    -------
    float64 array [N]

    Examples
    --------
    >>> parse(pd.Series(["1.100,5", "(7)", "x"]), Style(",", ".")).tolist()
    [1100.5, -7.0, nan]
    """
    if style == PLAIN:
        return pd.to_numeric(texts, errors="coerce").to_numpy(float)
    codes, distinct = pd.factorize(texts)
    values = _values(pd.Series(distinct), style)
    return values[codes] if len(values) else np.empty(0)


def style_of(texts: pd.Series, decimal: str | None = None) -> Style | None:
    """Find the style in which all texts are numbers.

    Parameters
    ----------
    texts : Series of str
        No missing cells.
    decimal : {".", ","}, optional
        Decimal mark where the texts alone do not say it ("1,100").

    Returns
    -------
    Style or None
        None if there is none.

    Examples
    --------
    >>> style_of(pd.Series(["1,100", "950"])).thousands, style_of(pd.Series(["1,5"])).decimal
    (',', ',')
    """
    fitting = styles_of(texts)
    if decimal == ",":  # "1.100" is then a thousand and a hundred; a fraction such as 0.125 still has its point
        fitting = sorted(fitting, key=lambda style: style.decimal != ",")
    return fitting[0] if fitting else None


def styles_of(texts: pd.Series) -> list[Style]:
    """Return every style in which all texts are numbers, the most usual first.

    Parameters
    ----------
    texts : Series of str
        No missing cells.

    Returns
    -------
    list of Style
    """
    distinct = pd.Series(texts.unique())
    if not len(distinct):
        return []
    found = []
    numbers = pd.to_numeric(distinct, errors="coerce").to_numpy(float)
    plain = bool(np.isfinite(numbers).all())
    if not plain and not np.isnan(numbers).any():  # infinite: refused later, by name
        return [PLAIN]
    if not plain and _are_words(distinct.iloc[:PROBE].tolist()):
        return []
    if distinct.str.fullmatch(ADDRESS).all():  # four groups of digits look like thousands
        return []
    if plain and not distinct.str.contains(".", regex=False).any():
        return [PLAIN]  # whole numbers mean the same in every style
    if plain:
        found.append(PLAIN)
    dressed = "" if plain else _dress(distinct)
    for decimal, thousands in ((".", "," + SPACES), (",", "." + SPACES)):
        marks = "".join(mark for mark in thousands if distinct.str.contains(mark, regex=False).any())
        style = Style(decimal, marks, dressed)
        if (decimal == "," or not plain) and _all(distinct.iloc[:PROBE], style) and _all(distinct.iloc[PROBE:], style):
            found.append(style)
    return found


def _are_words(texts: list[str]) -> bool:
    """Whether one of them is certainly no number, however it is dressed."""
    return any(DIGIT.search(text) is None or len(text) > LONGEST for text in texts)


def _all(texts: pd.Series, style: Style) -> bool:
    return not np.isnan(_values(texts, style)).any()


def _values(texts: pd.Series, style: Style) -> np.ndarray:
    """Numbers of one style, NaN for what is none; those with nothing beside them but a minus are read together."""
    values = np.full(len(texts), np.nan)
    if not len(texts):
        return values
    bare = texts.str.fullmatch("-?" + _pattern(style.decimal, style.thousands).pattern).to_numpy(bool)
    written = texts[bare]
    for mark in style.thousands:
        written = written.str.replace(mark, "", regex=False)
    if style.decimal != ".":
        written = written.str.replace(style.decimal, ".", regex=False)
    values[bare] = [float(text) for text in written.tolist()]
    values[~bare] = [_one(text, style) for text in texts[~bare].tolist()]
    return values


def _dress(distinct: pd.Series) -> str:
    """What stands beside the numbers."""
    distinct = distinct.str.replace(r"^\s*\((.*)\)\s*$", r"\1", regex=True)
    sample = distinct.iloc[0]
    if distinct.str.contains(r"%\s*$").all() or distinct.str.contains(r"‰\s*$").all():
        return "percent"
    if distinct.str.contains(CURRENCY).any():  # amounts in two currencies are no numbers of one column
        return "currency" if distinct.str.extract(f"({CURRENCY})", expand=False).dropna().nunique() == 1 else "signs"
    unit = re.search(r"\d\s*([^\W\d_][^\d]{0,7})$", sample)  # one unit after every number says nothing by itself
    if unit and distinct.str.fullmatch(rf".*\d\s*{re.escape(unit[1])}").all():
        return f"unit {unit[1]}"
    return "signs"


def _one(text: str, style: Style) -> float:
    """One number, or NaN."""
    if len(text) > LONGEST:
        return float("nan")
    text = text.strip().replace("−", "-").replace("＋", "+")
    negative = text.startswith("(") and text.endswith(")")
    if negative:
        text = text[1:-1].strip()
    text = _undressed(text, style.dressed)
    sign, text = (text[0], text[1:].strip()) if text[:1] in ("+", "-") and text else ("", text)
    text = _undressed(text, style.dressed)
    if text.endswith("-") and not sign:  # as some ledgers write it
        sign, text = "-", text[:-1].strip()
    if not _pattern(style.decimal, style.thousands).fullmatch(text):
        return float("nan")
    for mark in style.thousands:
        text = text.replace(mark, "")
    value = float(text.replace(style.decimal, "."))
    return -value if negative != (sign == "-") else value


@cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """A number without sign: groups of three digits, or none; a group never starts with 0."""
    point = re.escape(decimal)
    groups = [rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+" for mark in thousands]
    whole = rf"(?:{'|'.join([*groups, '[0-9]+'])})"
    return re.compile(rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?")


def lacks_mark(texts: pd.Series, style: Style) -> np.ndarray:
    """Return which cells lack the mark that a style has in every cell: a per cent sign, or one unit.

    Parameters
    ----------
    texts : Series of str [N]
    style : Style

    Returns
    -------
    ndarray of bool [N]
    """
    if style.dressed == "percent":
        return ~texts.str.contains(r"[%‰]\s*\)?\s*$").to_numpy(bool)
    if style.dressed.startswith("unit "):
        return ~texts.str.contains(re.escape(style.dressed[len("unit ") :]) + r"\s*\)?\s*$").to_numpy(bool)
    return np.zeros(len(texts), bool)


def _undressed(text: str, dressed: str) -> str:
    if dressed == "currency":
        return AROUND.sub("", text).strip()
    if dressed == "percent":
        return re.sub(r"\s*[%‰]$", "", text)
    return text.removesuffix(dressed[len("unit ") :]).strip() if dressed.startswith("unit ") else text
