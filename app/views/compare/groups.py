"""How sensitive groups fare in every run."""

import pandas as pd
import streamlit as st

from common.shell import theme
from common.words import plain
from labkit import figures
from labkit.runs import Library, group_measures
from views.compare.selection import Picked, clickable

GROUPS = "groups"


def groups(shelf: Library, table: pd.DataFrame, labels: dict[str, str], found: Picked | None) -> None:
    """Draw every measure by group for one sensitive column; nothing where no run has groups."""
    columns = shelf.group_columns(table.index)
    if not columns:
        return
    st.header("Which groups are affected?")
    column = st.segmented_control(
        "by", columns, format_func=plain, default=columns[0], required=True, key="by", bind="query-params"
    )
    held = group_measures(shelf, table, column)
    for place, (measure, values) in zip(st.columns(max(1, len(held))), held, strict=False):
        with place:
            scale = measure.style.scale
            unit = measure.unit or ("%" if scale == 100 else "")
            chart = figures.intervals(
                scale * values,
                label=measure.title,
                unit=unit,
                labels=labels,
                selected=None if found is None else found.run,
                theme=theme(),
            )
            chart.data[0].customdata = [[run] for run in values.index]
            reading = "further right is better" if measure.better == "higher" else "further left is better"
            clickable(
                chart,
                f"{reading}; lines are 95 % intervals. {measure.help}",
                alt=f"{measure.title} by run",
                place=GROUPS,
                key=f"groups-{measure.key}",
            )
