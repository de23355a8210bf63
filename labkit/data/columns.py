"""What each column of a CSV file is: numbers, dates, categories, or an identifier that is left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from labkit.data.dates import CLOCKS, days, format_of_dates
from labkit.data.encoder import ColumnCode, canonical
from labkit.data.numerals import PLAIN, missing, parse, style_of, styles_of
from labkit.data.pictures import count
from labkit.data.spelling import exact, one_spelling
from labkit.words import shortly

FEW = 20  # distinct texts below which no column is taken for an identifier, unless every row has its own
ROWS = 8  # and there are more of them
UNIQUE = 0.5  # fraction of rows with a text of their own above which one is
NUMBERED = re.compile(r"(^|.*[_ ])(id|idx|index|uuid|guid|key|no|nr|number|row)$|unnamed.*", re.IGNORECASE)


def decimal_mark(frame: pd.DataFrame, separator: str, plain: Mapping[str, bool] | None = None) -> str | None:
    """Return the decimal mark that the columns of a file agree on, if any says.

    Parameters
    ----------
    frame : DataFrame of str
    separator : str
        Semicolons speak for decimal commas where no column speaks against them.
    plain : mapping of str to bool, optional
        What `labkit.data.plain.plain_columns` found.

    Returns
    -------
    {".", ","} or None
    """
    plain = plain or {}
    votes = {"."} if any(plain.values()) else set()
    for name in frame.columns:
        if name in plain:
            continue
        texts = frame[name][~missing(frame[name], number=True)]
        marks = {style.decimal for style in styles_of(texts)}
        if marks == {","} or (marks == {"."} and texts.str.contains(".", regex=False).any()):
            votes |= marks
    if len(votes) == 1:
        return votes.pop()
    return "," if separator == ";" and not votes else None


def measured_code(column: pd.Series, where: str, decimal: str | None) -> ColumnCode | None:
    """Return how a column of numbers or dates is read.

    Parameters
    ----------
    column : Series of str [N]
        Indexed by row numbers.
    where : str
        The file, for error messages.
    decimal : {".", ","} or None
        Decimal mark where the column alone does not say it.

    Returns
    -------
    ColumnCode or None
        None for text.

    Raises
    ------
    ValueError
        If the column is empty, or numbers and text are mixed.
    """
    name = str(column.name)
    if missing(column).all():
        raise ValueError(f"{where}: column {shortly(name)} is empty in every row; drop it")
    texts = column[~missing(column, number=True)]
    if not len(texts):
        return None  # only marks that stand for nothing among numbers, e.g. "-"
    style = style_of(texts, decimal)
    if style is not None:
        return ColumnCode(name, "number", style=style)
    form = format_of_dates(texts)
    if form is not None:
        return ColumnCode(name, "date", format=form)
    _refuse_mixed(texts, name, where)
    return None


def _refuse_mixed(texts: pd.Series, name: str, where: str) -> None:
    """Some numbers among text are a mistake more often than a category."""
    numbers = ~np.isnan(pd.to_numeric(texts, errors="coerce").to_numpy(float))
    if numbers.any():
        place = np.flatnonzero(~numbers)[0]
        raise ValueError(
            f"{where}, row {texts.index[place]}: column {shortly(name)} holds {shortly(texts.iloc[place])} among numbers; "
            "use only numbers or only text, drop it, or name it in categories="
        )


def number_notes(column: pd.Series, code: ColumnCode) -> list[str]:
    """Say how the numbers or dates of a column were read, where that is not plain.

    Parameters
    ----------
    column : Series of str [N]
    code : ColumnCode

    Returns
    -------
    list of str
    """
    texts = column[~missing(column, number=True)]
    what, first, notes = f"column {shortly(code.name)}", texts.iloc[0], []
    if code.kind == "date" and code.format in CLOCKS:
        notes.append(f"{what}: clock times became hours ({first[:60]} is {days(texts.iloc[:1], code.format)[0]:.6g})")
    elif code.kind == "date":
        day = days(texts.iloc[:1], code.format)[0]
        read = pd.Timestamp(0) + pd.Timedelta(days=day)
        notes.append(f"{what}: dates became days since 1970-01-01 ({first[:60]} is {read:%Y-%m-%d}, {day:g})")
    elif code.style != PLAIN:
        marks = code.style.thousands
        shown = next((text for text in texts if any(mark in text for mark in marks)), first) if marks else first
        notes.append(f"{what}: {shown[:60]} is read as {parse(pd.Series([shown]), code.style)[0]:.10g}")
    notes += joined_notes(column, code)
    if texts.nunique() == 1:
        notes.append(f"{what} holds {shortly(first)} in every row: it tells no two rows apart")
    if code.style == PLAIN and texts.str.fullmatch(r"0\d+").any():
        notes.append(f"{what} has codes with leading zeros, read as numbers; name it in categories= if they are no quantities")
    if code.style == PLAIN and NUMBERED.fullmatch(code.name) and texts.is_unique:
        notes.append(f"{what} looks like an identifier, and is a feature; leave it out with drop=")
    return notes


def category_code(column: pd.Series, train: np.ndarray, max_categories: int, *, chosen: bool) -> tuple[ColumnCode, list[str]]:
    """Return the categories of a column of text, or that it is left out.

    Parameters
    ----------
    column : Series of str [N]
    train : int array
        Positions of the training rows: categories are theirs alone.
    max_categories : int
        Columns that it may become at most.
    chosen : bool
        Whether the user says that these are categories.

    Returns
    -------
    code : ColumnCode
    notes : list of str
        What a reader should know.
    """
    name = str(column.name)
    empty = int(missing(column).sum())
    values, joined = one_spelling(canonical(column), numbers=False)
    distinct = values.nunique()
    every = distinct == len(values) > ROWS
    if (every or (distinct > FEW and distinct > UNIQUE * len(values))) and not chosen:
        note = (
            f"column {shortly(name)} holds {distinct:,} different texts in {count(len(values), 'row')}, an identifier or free "
            "text rather "
            "than categories: left out"
        )
        return ColumnCode(name, "left out"), [note]
    counts = values.iloc[train].value_counts()
    pooled = len(counts) > max_categories
    kept = counts.index[: max_categories - 1] if pooled else counts.index
    notes = list(joined)
    if pooled:
        rows = int(counts.iloc[max_categories - 1 :].sum())
        notes.append(
            f"column {shortly(name)} has {len(counts):,} categories in train: the {len(kept)} most frequent ones are kept, the "
            "others "
            f"({count(rows, 'row')}) became 'other'"
        )
    if empty:
        notes.append(f"column {shortly(name)} is empty in {count(empty, 'row')}: a category of its own")
    if distinct == 1:
        notes.append(f"column {shortly(name)} holds {shortly(values.iloc[0])} in every row: it tells no two rows apart")
    return ColumnCode(name, "category", categories=tuple(sorted(kept)), pooled=pooled), notes


def unknown_notes(unknown: Mapping[str, list[str]], codes: Collection[ColumnCode], where: str) -> tuple[str, ...]:
    """Say which values no category was made of.

    Parameters
    ----------
    unknown : mapping of str to list of str
        As `Encoder.encode` returns it.
    codes : collection of ColumnCode
    where : str
        Of the rows, e.g. "outside train".

    Returns
    -------
    tuple of str
    """
    pooled = {code.name: code.pooled for code in codes}
    said = []
    for name, values in unknown.items():
        shown = ", ".join(shortly(value, 60) for value in sorted(set(values))[:5]) + (", …" if len(set(values)) > 5 else "")
        become = "'other'" if pooled[name] else "zeros"
        said.append(
            f"column {shortly(name)}: {count(len(values), 'row')} {where} with values that train lacks ({shown}): encoded as "
            f"{become}"
        )
    return tuple(said)


def joined_notes(column: pd.Series, code: ColumnCode) -> list[str]:
    """Say where different numbers or dates of a column become equal, because features have 32 bits.

    Parameters
    ----------
    column : Series of str [N]
    code : ColumnCode
        Of a number or a date.

    Returns
    -------
    list of str
        Empty, or one note.
    """
    texts = column[~missing(column, number=True)]
    if code.kind == "date":
        values = pd.unique(days(texts, code.format))
        written: Collection[object] = values
    else:
        values = pd.unique(parse(texts, code.style))
        large = bool((np.abs(values) > 2**24).any())  # smaller whole numbers are all held
        written = values if not large else {exact(text) for text in texts.unique()} if code.style == PLAIN else values
        if not large:
            return []
    with np.errstate(over="ignore"):
        kept = len(pd.unique(values.astype(np.float32)))
    if kept >= len(written):
        return []
    advice = (
        "if the time of day matters, give it a column of its own"
        if code.kind == "date"
        else "if they are identifiers, leave the column out with drop= or name it in categories=; if they are quantities, subtract "
        "their smallest first"
    )
    what = "dates" if code.kind == "date" else "numbers"
    return [f"column {shortly(code.name)}: {len(written):,} different {what} become {kept:,} in 32 bits; {advice}"]
