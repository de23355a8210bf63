"""Tables of runs, with a column for every measure that they hold."""

from typing import Any

import pandas as pd
import streamlit as st

from labkit.audit import Column, columns


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
