"""Everything that is wrong with what was said about a CSV file, in one go, from its header and its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.data.cells import read_cells
from labkit.data.favourable import favourable_class
from labkit.data.numerals import missing as is_missing
from labkit.messages import unknown_name
from labkit.words import shortly

SHOWN = 12  # columns in a sentence


def csv_defects(
    path: str | Path,
    *,
    target: str | None = None,
    groups: Sequence[str] = (),
    drop: Sequence[str] = (),
    categories: Sequence[str] = (),
    favourable: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
) -> tuple[str, ...]:
    """Return what is wrong with the arguments of `labkit.data.from_csv`, a sentence each.

    Parameters
    ----------
    path, target, groups, drop, categories, favourable, encoding, separator
        As `labkit.data.from_csv` takes them.

    Returns
    -------
    tuple of str
        Empty where the file can be read and has every column that is named.
    """
    path = Path(path)
    try:
        frame = read_cells(path, encoding, separator).frame
    except ValueError as error:
        return (str(error),)
    columns = ", ".join(frame.columns[:SHOWN]) + (", …" if len(frame.columns) > SHOWN else "")
    found = [] if target else [f"{path}: a table needs a target column, one of {columns}; give target="]
    names = [str(name).strip() for name in (*([target] if target else []), *groups, *drop, *categories)]
    found += [str(unknown_name(f"column of {path}", name, frame.columns)) for name in dict.fromkeys(names) if name not in frame]
    if target in groups:
        found.append(f"{path}: column {shortly(target)} cannot be both target and group")
    if favourable and target in frame:
        classes = frame[target][~is_missing(frame[target])].unique()
        try:
            favourable_class(favourable, sorted(map(str, classes)), str(path))
        except ValueError as error:
            found.append(str(error))
    return tuple(found)


def column_names(path: str | Path, *, encoding: str | None = None, separator: str | None = None) -> tuple[str, ...]:
    """Return the names in the header of a CSV file.

    Parameters
    ----------
    path, encoding, separator
        As `labkit.data.from_csv` takes them.

    Returns
    -------
    tuple of str
        Empty where the file cannot be read.
    """
    try:
        return tuple(read_cells(Path(path), encoding, separator).frame.columns)
    except (ValueError, OSError):
        return ()
