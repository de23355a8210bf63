"""Everything that is wrong with what was said about a CSV file, in one go, from its header and its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.data.cells import read_cells
from labkit.data.favourable import favourable_class
from labkit.data.numerals import missing as is_missing
from labkit.data.paths import as_path, shown
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
    try:
        path = as_path(path, "a CSV file")
        frame = read_cells(path, encoding, separator).frame
    except (ValueError, TypeError) as error:
        return (str(error),)
    where = shown(path)
    columns = ", ".join(name[:40] for name in frame.columns[:SHOWN]) + (", …" if len(frame.columns) > SHOWN else "")
    found = [] if target else [f"{where}: a table needs a target column, one of {columns}; give target="]
    names = [str(name).strip() for name in (*([target] if target else []), *groups, *drop, *categories)]
    found += [
        str(unknown_name(f"column of {where}", name, [each[:80] for each in frame.columns]))
        for name in dict.fromkeys(names)
        if name not in frame
    ]
    if target in groups:
        found.append(f"{where}: column {shortly(target)} cannot be both target and group")
    twice = sorted({name for name in groups if list(groups).count(name) > 1})
    found += [f"{where}: group column {shortly(name)} is named twice; name it once" for name in twice]
    if favourable and target in frame:
        classes = frame[target][~is_missing(frame[target])].unique()
        try:
            favourable_class(favourable, sorted(map(str, classes)), where)
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
        return tuple(read_cells(as_path(path, "a CSV file"), encoding, separator).frame.columns)
    except (ValueError, TypeError, OSError):
        return ()
