"""The cells of a CSV file as text: encoding, separator, header, blank rows and columns."""

from __future__ import annotations

import csv
import io
import lzma
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.io.common import get_handle

from labkit.data.pictures import count

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


def read_cells(path: Path, encoding: str | None, separator: str | None) -> Cells:
    """Read every cell as text, so that error messages can quote cells as written.

    Parameters
    ----------
    path : Path
        Names ending in ``.gz``, ``.bz2``, ``.xz`` or ``.zip`` are decompressed.
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
        If the file cannot be read, has no header or no rows, or a row is shorter or longer than the header.
    """
    text = _text(path, encoding)
    if separator is not None and len(separator) != 1:
        raise ValueError(f"separator must be one character, got {separator!r}; leave it out to have it found")
    mark = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line
    skipped = 0
    if mark:
        separator, text, skipped = separator or mark[1], text[mark.end() :], 1
    separator = separator or found_separator(text, tab_first=".tsv" in path.name.lower())
    try:
        table = pd.read_csv(
            io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, header=None, skip_blank_lines=False, quotechar='"'
        )
    except (csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as CSV: {str(error).strip()}") from error
    table.index = pd.RangeIndex(1 + skipped, 1 + skipped + len(table))
    _refuse_short_rows(path, text, separator, table)
    table, notes = _without_blanks(table)
    if not len(table):
        raise ValueError(f"{path} cannot be read as CSV: it holds no text")
    header, body = table.iloc[0], table.iloc[1:]
    if not len(body):
        raise ValueError(f"{path} has a header but no rows")
    body = body.apply(lambda column: column.str.strip())
    return _named(path, header, body, separator, notes)


def refuse_numbers_as_header(path: Path, names: list[str]) -> None:
    """Refuse a file whose first row is one of numbers.

    Parameters
    ----------
    path : Path
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
            f"{path}: row 1 holds numbers ({', '.join(names[:4])}, …) where the names of the columns are expected; add a header row"
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


def _text(path: Path, encoding: str | None) -> str:
    try:
        with get_handle(path, "rb", is_text=False, compression="infer") as file:
            content = file.handle.read()
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give the path of a CSV file") from None
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error).strip()
        raise ValueError(f"{path} cannot be read as CSV: {reason}") from error
    for start, kind in OTHERS.items():
        if content.startswith(start):
            raise ValueError(f"{path} cannot be read as CSV: it is {kind}; save it as CSV first")
    wanted = encoding or next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(wanted)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}, row {row}: byte 0x{content[error.start]:02x} is not {wanted}; save the file as UTF-8 or give encoding= "
            "(latin-1 and cp1252 are common)"
        ) from error
    except LookupError as error:
        raise ValueError(f"{path} cannot be read as CSV: {error}") from error
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise ValueError(f"{path} cannot be read as CSV: it holds NUL characters; if it is text, give encoding= (utf-16 is common)")
    return text


def _refuse_short_rows(path: Path, text: str, separator: str, table: pd.DataFrame) -> None:
    """pandas fills short rows with empty cells without a word."""
    try:
        widths = np.array([len(row) for row in csv.reader(io.StringIO(text), delimiter=separator)])
    except csv.Error:
        return
    short = np.flatnonzero((widths < len(table.columns)) & (widths > 0))
    if len(short) and len(widths) == len(table):
        raise ValueError(
            f"{path}, row {table.index[short[0]]} has {count(int(widths[short[0]]), 'cell')}, the header {len(table.columns)} "
            f"({len(short)} such row(s)); fill or remove those rows"
        )


def _without_blanks(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out rows and unnamed columns without any text."""
    filled = table.apply(lambda column: column.fillna("").str.strip() != "")
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


def _named(path: Path, header: pd.Series, body: pd.DataFrame, separator: str, notes: list[str]) -> Cells:
    names = [str(name).strip() for name in header.fillna("")]
    duplicates = sorted({name for name in names if name and names.count(name) > 1})
    if duplicates:
        refuse_numbers_as_header(path, names)
        raise ValueError(
            f"{path}, row {header.name}: column {duplicates[0]!r} appears {names.count(duplicates[0])} times; rename or drop one"
        )
    nameless = [place for place, name in enumerate(names) if not name]
    for place in nameless:
        numbers = pd.to_numeric(body.iloc[:, place], errors="coerce")
        if not (numbers.diff().iloc[1:] == 1).all():  # pandas writes the number of each row before it
            raise ValueError(f"{path}, row {header.name}: column {place + 1} has no name; name or remove it")
        notes.append(f"column {place + 1} has no name and numbers the rows: left out")
    kept = [place for place in range(len(names)) if place not in nameless]
    frame = body.iloc[:, kept].set_axis([names[place] for place in kept], axis=1)
    return Cells(frame, separator, tuple(notes))
