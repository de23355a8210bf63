"""The cells of a CSV file as text: encoding, separator, header, blank rows and columns."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labkit.data.limits import MAX_CELLS, MAX_TEXT
from labkit.data.paths import is_text, shown
from labkit.data.pictures import count
from labkit.data.plain import WIDE
from labkit.data.reading import read_bytes
from labkit.words import shortly

SEPARATORS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MARKS = {b"\xff\xfe\x00\x00": "utf-32", b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
OTHERS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}
SAMPLE = 200  # records that decide about the separator


@dataclass(frozen=True)
class Cells:
    """A file as read.

    Attributes
    ----------
    frame : DataFrame of str
        Without the header; indexed by the row number, the header being row 1.
    separator : str
    notes : tuple of str
        What was left out.
    """

    frame: pd.DataFrame
    separator: str
    notes: tuple[str, ...]


class _TooMany(ValueError):
    """More cells than are read; the message says so."""


def read_cells(path: Path, encoding: str | None, separator: str | None) -> Cells:
    """Read every cell as text, so that error messages can quote cells as written.

    Parameters
    ----------
    path : Path
        Names ending in ``.gz``, ``.bz2``, ``.xz``, ``.zip``, ``.zst`` or ``.tar`` are decompressed.
    encoding : str or None
        None for UTF-8, or what the first bytes say.
    separator : str or None
        None for the one of comma, semicolon, tab and bar that divides all rows like the header.

    Returns
    -------
    Cells

    Raises
    ------
    ValueError
        If the file cannot be read, is larger than `labkit.data.limits` allow, has no header or no rows, or a row is shorter or
        longer than the header.
    """
    where = shown(path)
    if separator is not None and (not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n'):
        raise ValueError(f"separator must be one character, got {shortly(separator)}; leave it out to have it found")
    text = _text(path, where, encoding)
    mark = re.match(r"sep=([^\"\r\n])\r?\n", text)  # Excel's own first line
    skipped = 0
    if mark:
        separator, text, skipped = separator or mark[1], text[mark.end() :], 1
    separator = separator or found_separator(text, tab_first=".tsv" in path.name.lower())
    try:
        width = _refuse_many_cells(text, separator, where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of separators that pandas reads more slowly
            table = pd.read_csv(
                io.StringIO(text),
                sep=separator,
                dtype=object if width > WIDE else str,
                keep_default_na=False,
                header=None,
                skip_blank_lines=False,
                quotechar='"',
            )
    except _TooMany as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # csv.Error, ParserError, EmptyDataError, OverflowError, MemoryError, …
        raise ValueError(f"{where} cannot be read as CSV: {shortly_said(error)}") from error
    table.index = pd.RangeIndex(1 + skipped, 1 + skipped + len(table))
    _refuse_short_rows(where, text, separator, table)
    table, notes = _without_blanks(table)
    if not len(table):
        raise ValueError(f"{where} cannot be read as CSV: it holds no text")
    header, body = table.iloc[0], table.iloc[1:]
    if not len(body):
        raise ValueError(f"{where} has a header but no rows")
    return _named(where, header, _stripped(body), separator, notes)


def shortly_said(error: BaseException) -> str:
    """Return what another library says of a file, in one line.

    Parameters
    ----------
    error : exception

    Returns
    -------
    str
    """
    return " ".join(str(error).split())[:200] or type(error).__name__


def refuse_numbers_as_header(path: str, names: list[str]) -> None:
    """Refuse a file whose first row is one of numbers.

    Parameters
    ----------
    path : str
    names : list of str
        The cells of the first row.

    Raises
    ------
    ValueError
        If most of them are numbers.
    """
    numbers = pd.to_numeric(pd.Series(names), errors="coerce").notna().sum()
    if len(names) > 1 and numbers > len(names) / 2:
        raise ValueError(
            f"{path}: row 1 holds numbers ({', '.join(name[:40] for name in names[:4])}, …) where the names of the columns are "
            "expected; add a header row"
        )


def found_separator(text: str, *, tab_first: bool = False) -> str:
    """Return the separator that divides every row like the header, into the most cells.

    Parameters
    ----------
    text : str
    tab_first : bool
        Whether a tab wins where several do.

    Returns
    -------
    str
        A comma if none does.
    """
    lines = io.StringIO(text[:1_000_000])
    counts: dict[str, list[int]] = {}
    for separator in SEPARATORS:
        lines.seek(0)
        try:
            rows = [len(row) for row, _ in zip(csv.reader(lines, delimiter=separator), range(SAMPLE), strict=False) if row]
        except csv.Error:
            continue
        if rows and rows[0] > 1:
            counts[separator] = rows[:-1] if len(rows) > 2 and len(text) > 1_000_000 else rows  # the last may be cut
    if not counts:
        return ","

    def quality(separator: str) -> tuple[float, bool, int]:
        rows = counts[separator]
        alike = sum(row == rows[0] for row in rows) / len(rows)
        return alike, tab_first and separator == "\t", rows[0]

    return max(counts, key=quality)


def _text(path: Path, where: str, encoding: str | None) -> str:
    content = read_bytes(path, "a CSV file")
    for start, kind in OTHERS.items():
        if content.startswith(start):
            raise ValueError(f"{where} cannot be read as CSV: it is {kind}; save it as CSV first")
    wanted = encoding or next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of escapes that an encoding such as unicode_escape reads
            text = content.decode(wanted)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{where}, row {row}: byte 0x{content[error.start]:02x} is not {wanted}; save the file as UTF-8 or give encoding= "
            "(latin-1 and cp1252 are common)"
        ) from error
    except Exception as error:  # an unknown encoding, one that is none of text, or a name that is no text itself
        raise ValueError(
            f"{where} cannot be read as CSV with encoding={shortly(wanted, 40)}: {shortly_said(error)}; give a text encoding "
            "such as utf-8, latin-1 or utf-16"
        ) from error
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise ValueError(
            f"{where} cannot be read as CSV: it holds NUL characters; if it is text, give encoding= (utf-16 is common)"
        )
    if not is_text(text):
        raise ValueError(f"{where} cannot be read as CSV: it holds halves of characters; give the encoding that it was written in")
    return text


def _refuse_many_cells(text: str, separator: str, where: str) -> int:
    """The number of columns; a long header over many blank lines makes a large table of a small file."""
    width = max((width for width, _ in zip(_widths(text, separator), range(2), strict=False)), default=0)
    rows = text.count("\n") + text.count("\r") - text.count("\r\n") + 1
    if rows * width > MAX_CELLS:
        raise _TooMany(
            f"{where} has {rows:,} rows of {width:,} columns, {rows * width:,} cells, and at most {MAX_CELLS:,} are read; "
            "split it or leave columns out"
        )
    return width


def _widths(text: str, separator: str) -> Iterator[int]:
    """The number of cells of each row, 0 for blank ones."""
    lines = (place.group() for place in re.finditer(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text))
    if '"' not in text:
        yield from (line.count(separator) + 1 if line.strip("\r\n") else 0 for line in lines)
        return
    allowed = csv.field_size_limit(MAX_TEXT)
    try:
        yield from map(len, csv.reader(lines, delimiter=separator))
    finally:
        csv.field_size_limit(allowed)


def _refuse_short_rows(where: str, text: str, separator: str, table: pd.DataFrame) -> None:
    """pandas fills short rows with empty cells without a word."""
    try:
        widths = np.fromiter(_widths(text, separator), np.int64)
    except csv.Error as error:
        raise ValueError(f"{where} cannot be read as CSV: {shortly_said(error)}") from error
    short = np.flatnonzero((widths < len(table.columns)) & (widths > 0))
    if len(short) and len(widths) == len(table):
        raise ValueError(
            f"{where}, row {table.index[short[0]]} has {count(int(widths[short[0]]), 'cell')}, the header {len(table.columns)} "
            f"({len(short)} such row(s)); fill or remove those rows"
        )


def _filled_cells(table: pd.DataFrame) -> pd.DataFrame:
    if len(table.columns) <= WIDE:
        return table.apply(lambda column: column.fillna("").str.strip() != "")
    cells = table.to_numpy(dtype=object)  # of thousands of columns each step of pandas would take seconds
    filled = [[isinstance(cell, str) and not cell.isspace() and cell != "" for cell in row] for row in cells]
    return pd.DataFrame(np.array(filled, bool).reshape(cells.shape), index=table.index, columns=table.columns)


def _stripped(body: pd.DataFrame) -> pd.DataFrame:
    if len(body.columns) <= WIDE and not pd.api.types.is_object_dtype(body.dtypes.iloc[0]):
        return body.apply(lambda column: column.str.strip())
    cells = np.array([[cell.strip() for cell in row] for row in body.to_numpy(dtype=object)], dtype=object)
    return pd.DataFrame(cells.reshape(body.shape), index=body.index, columns=body.columns, dtype="str")


def _without_blanks(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out rows and unnamed columns without any text."""
    filled = _filled_cells(table)
    rows = filled.any(axis=1)
    notes: list[str] = []
    if not rows.any():
        return table.iloc[:0], notes
    first = int(rows.to_numpy().argmax())
    blank = int((~rows.iloc[first:]).sum())
    if blank and len(table.columns) > 1:
        notes.append(f"{count(blank, 'blank row')} skipped")
    elif blank:  # a column of its own may well have empty cells; only those after the last filled one are no rows
        last = len(rows) - int(rows.to_numpy()[::-1].argmax())
        rows.iloc[first:last] = True
    columns = filled[rows].any(axis=0)
    if not columns.all():
        notes.append(f"{count(int((~columns).sum()), 'blank column')} skipped")
    return table.loc[rows, columns], notes


def _named(where: str, header: pd.Series, body: pd.DataFrame, separator: str, notes: list[str]) -> Cells:
    names = [str(name).strip() for name in header.fillna("")]
    times = Counter(name for name in names if name)
    duplicates = sorted(name for name, number in times.items() if number > 1)
    if duplicates:
        refuse_numbers_as_header(where, names)
        raise ValueError(
            f"{where}, row {header.name}: column {shortly(duplicates[0])} appears {times[duplicates[0]]} times; rename or drop one"
        )
    nameless = {place for place, name in enumerate(names) if not name}
    for place in sorted(nameless):
        numbers = pd.to_numeric(body.iloc[:, place], errors="coerce")
        if not (numbers.diff().iloc[1:] == 1).all():  # pandas writes the number of each row before it
            raise ValueError(f"{where}, row {header.name}: column {place + 1} has no name; name or remove it")
        notes.append(f"column {place + 1} has no name and numbers the rows: left out")
    kept = [place for place in range(len(names)) if place not in nameless]
    frame = body.iloc[:, kept].set_axis([names[place] for place in kept], axis=1)
    return Cells(frame, separator, tuple(notes))
