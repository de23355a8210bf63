"""How sensitive groups fare in every run."""

import pandas as pd
import streamlit as st

from common.shell import figure, theme
from labkit import figures
from labkit.runs import Library, group_measures


def groups(shelf: Library, table: pd.DataFrame, labels: dict[str, str]) -> None:
    """Draw every measure by group for one sensitive column; nothing where no run has groups."""
    columns = shelf.group_columns(table.index)
    if not columns:
        return
    st.header("Which groups are affected?")
    column = st.segmented_control("by", columns, default=columns[0], required=True, key="by", bind="query-params")
    found = group_measures(shelf, table, column)
    for place, (measure, values) in zip(st.columns(max(1, len(found))), found, strict=False):
        with place:
            scale = measure.style.scale
            unit = measure.unit or ("%" if scale == 100 else "")
            chart = figures.intervals(scale * values.rename(index=labels), label=measure.title, unit=unit, theme=theme())
            reading = "further right is better" if measure.better == "higher" else "further left is better"
            figure(chart, f"{reading}; lines are 95 % intervals. {measure.help}", alt=f"{measure.title} by run")
