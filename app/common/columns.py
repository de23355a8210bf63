"""Tables of runs, with a column for every measure that they hold."""

from typing import Any

import pandas as pd
import streamlit as st

from labkit.audit import Column, columns
from labkit.compress import METHODS

PARAMETER = "param."  # prefix of the columns of parameters


def in_columns(table: pd.DataFrame, *, short: bool = False) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a table of runs in the units of its columns, and the column settings for ``st.dataframe``, in order.

    A column with intervals is followed by one with their text, so that numbers still sort as numbers.
    """
    measured = [column for column in columns(table, short=short) if table[column.figure].notna().any()]
    numbers: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for column in measured:
        numbers[column.figure] = column.style.scale * table[column.figure].astype(float)
        settings[column.figure] = st.column_config.NumberColumn(column.title, format=column.style.printf, help=column.help or None)
        if column.interval:
            name = f"{column.figure}_interval"
            numbers[name] = [column.interval_said(row) for _, row in table.iterrows()]
            settings[name] = st.column_config.TextColumn(
                f"{column.title} interval",
                help="95 % interval; where it holds the 1 of the uncompressed network, no difference is known",
            )
    return table.assign(**numbers), settings


def unit_of(column: Column) -> str:
    """Return the unit in which a column's numbers are shown, e.g. "kB"."""
    printf = column.style.printf  # e.g. "%,.0f kB" or "%.1f %%"
    return printf.partition(" ")[2].replace("%%", "%")


def in_parameters(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a table of runs with its parameters as plain values, and their column settings: numbers sort as numbers."""
    named = [str(name) for name in table if str(name).startswith(PARAMETER) and table[name].map(_said).notna().any()]
    values, settings = {}, {}
    for name in named:
        column = table[name].map(_said)
        numbers = pd.to_numeric(column, errors="coerce")
        plain = bool((numbers.notna() == column.notna()).all()) and not column.map(lambda value: isinstance(value, str)).any()
        values[name] = numbers if plain else column.map(str, na_action="ignore")
        title, help_text = name.removeprefix(PARAMETER).replace("_", " "), _help(table, name.removeprefix(PARAMETER))
        kind = st.column_config.NumberColumn if plain else st.column_config.TextColumn
        settings[name] = kind(title, help=help_text, **({"format": "%g"} if plain else {}))
    return table.assign(**values), settings


def _said(value: Any) -> Any:
    """A value of a parameter, None where it was left unset; a list as text."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or None
    return None if value is None or value != value else value


def _help(table: pd.DataFrame, name: str) -> str | None:
    """Return what the registered methods of these runs say about a parameter."""
    methods = [METHODS[method] for method in sorted(set(table["method"])) if method in METHODS]
    said = dict.fromkeys(method.params[name].help for method in methods if name in method.params)
    return "; ".join(filter(None, said)) or None
