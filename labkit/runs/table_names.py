"""Names of tables that become names of files in the folder of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from labkit.words import shortly

RESERVED = ("metrics", "per_class", "predictions", "group_changes", "audit", "run", "model", "extra")
LONGEST = 200  # bytes of a name: file systems take 255, with the ending and what a half-written file is called
OF_TABLE = re.compile(r"[A-Za-z0-9_]+")
OF_MEASURE = re.compile(r"\w[\w .+()-]*")


def check_tables(tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuse tables that would overwrite those of the audit or be written elsewhere.

    Parameters
    ----------
    tables : mapping of str to DataFrame

    Raises
    ------
    TypeError
        For what is no table.
    ValueError
    """
    for name, table in tables.items():
        check_name(name)
        _check_table(name, table)


def check_extras(extras: Mapping[str, pd.DataFrame]) -> None:
    """Refuse tables of measures whose names cannot be those of files.

    Parameters
    ----------
    extras : mapping of str to DataFrame
        As `Audit.extras`.

    Raises
    ------
    TypeError
        For what is no table.
    ValueError
    """
    for name, table in extras.items():
        if not isinstance(name, str) or not OF_MEASURE.fullmatch(name) or len(name.encode()) > LONGEST:
            raise ValueError(
                f"a table of a measure must be named with letters, digits, spaces and _.+-(), not beginning with a dot, in at "
                f"most {LONGEST} bytes, got {shortly(name)}; rename it in the measure"
            )
        _check_table(name, table)


def check_name(name: Any) -> None:
    """Refuse a name that a table of a run cannot have.

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
    """
    if isinstance(name, str) and name.lower() in RESERVED:
        raise ValueError(f"a table of a run cannot be named {name!r}: the audit has one; choose another name")
    if not isinstance(name, str) or not OF_TABLE.fullmatch(name) or len(name) > LONGEST:
        raise ValueError(
            f"a table of a run must be named with letters, digits and underscores, got {shortly(name)}; choose another name of at "
            f"most {LONGEST} characters"
        )


def _check_table(name: str, table: Any) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table {name} of a run must be a DataFrame, got {shortly(table)}")
