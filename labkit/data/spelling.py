"""Values that are equal though they are written differently: 1 and 1.0, True and TRUE."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pandas as pd

from labkit.words import shortly

FLAGS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})


def one_spelling(column: pd.Series, *, numbers: bool = True) -> tuple[pd.Series, tuple[str, ...]]:
    """Give equal values one spelling: 1 and 1.0, True and TRUE.

    Parameters
    ----------
    column : Series of str
        No missing cells, or all of them "".
    numbers : bool
        Whether equal numbers are one too.

    Returns
    -------
    column : Series of str
        The shortest spelling of a number, the most frequent one of a flag.
    notes : tuple of str
        Says what was joined; other spellings that differ in capitals only are kept apart, and said.
    """
    names = list(column.unique())
    values = pd.to_numeric(pd.Series(names), errors="coerce")
    if values.notna().all():
        if not numbers:
            return column, ()
        keys = [exact(name) for name in names]
        order = sorted(names, key=lambda name: (len(name), name))
    elif {name.casefold() for name in names} - {""} in FLAGS:
        keys = [name.casefold() for name in names]
        order = list(column.value_counts().index)
    else:
        return column, tuple(spelling_note(column, f"column {shortly(column.name)}"))
    key_of = dict(zip(names, keys, strict=True))
    chosen: dict[object, str] = {}
    for name in order:
        chosen.setdefault(key_of[name], name)
    joined = [name for name in names if chosen[key_of[name]] != name]
    if not joined:
        return column, ()
    pairs = ", ".join(f"{shortly(name)} is {shortly(chosen[key_of[name]])}" for name in joined[:3])
    return column.map({name: chosen[key_of[name]] for name in names}), (
        f"column {shortly(column.name)}: equal values are one ({pairs})",
    )


def exact(number: str) -> object:
    """Return a number as it is written: two long identifiers that differ in the last digit are two, and 1E2 is no 100."""
    try:
        return number if "e" in number.lower() else Decimal(number)
    except InvalidOperation:
        return number


def spelling_note(values: pd.Series, what: str) -> list[str]:
    """Return a note if values differ only in capitals or inner spaces.

    Parameters
    ----------
    values : Series of str
    what : str
        Start of the note.

    Returns
    -------
    list of str
        Empty, or one note.
    """
    seen: dict[str, list[str]] = {}
    for value in sorted(values.unique()):
        seen.setdefault(" ".join(value.casefold().split()), []).append(value)
    alike = [names for names in seen.values() if len(names) > 1]
    if not alike:
        return []
    return [
        f"{what}: {' and '.join(map(shortly, alike[0][:4]))} differ in capitals or spaces only and are kept apart "
        f"({len(alike)} such)"
    ]
