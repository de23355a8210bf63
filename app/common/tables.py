"""Tables that methods and measures bring: drawn by the figure that their registry entry names."""

import inspect
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from common.charts import chart
from common.shell import figure, theme
from labkit import figures


def table_title(name: str) -> str:
    """Return a table's name as a title: "shared_bases" -> "Shared bases"."""
    return name.replace("_", " ").strip().capitalize()


def drawing(named: str | Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return the function of `labkit.figures` of that name, or the callable itself; None for a plain table."""
    if callable(named):
        return named
    if named and not hasattr(figures, named):
        raise ValueError(f'labkit.figures has no figure named {named!r}; use one of its functions, or "" for a plain table')
    return getattr(figures, named) if named else None


def subject(draw: Callable[..., Any]) -> str:
    """Return what a figure shows: the summary line of its docstring."""
    return (inspect.getdoc(draw) or "").partition("\n")[0].removeprefix("Draw ")


def chart_of(draw: Callable[..., Any], table: pd.DataFrame) -> Any:
    """Call a figure function, with the page's theme where it takes one."""
    themed = "theme" in inspect.signature(draw).parameters
    return chart(draw, table, theme=theme()) if themed else chart(draw, table)


def show_table(name: str, table: pd.DataFrame, named: str | Callable[..., Any] | None) -> None:
    """Draw a table with its figure, or as a plain table where none is named."""
    title, draw = table_title(name), drawing(named)
    if draw is None:
        st.dataframe(table, width="stretch", alt=title)
    else:
        figure(chart_of(draw, table), subject(draw), alt=title)
