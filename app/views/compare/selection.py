"""The run that was clicked: one for the whole page, wherever it was clicked, and kept in the address."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from common.address import kept, remember
from common.words import plain

PLACE = "compare-clicked-in"
ROUND = "compare-table-round"  # the table is drawn anew when a run is clicked elsewhere: it cannot be told another row
TABLE = "table"


@dataclass(frozen=True)
class Picked:
    """The run, the part of the page in which it was clicked, and the class where that was a cell of a class."""

    run: str
    place: str
    label: str


def picked(table: pd.DataFrame) -> Picked | None:
    """Return the clicked run of a table of runs, or the one in the address; None where there is none."""
    run, asked = kept().find("run")
    label, _ = kept().find("class")
    if run is not None and run not in table.index:
        if asked:
            st.warning(f"no run '{plain(run)}' among these; click a point or a row to see one")
        run = None
    remember("run", run)
    remember("class", label if run else None)
    return None if run is None else Picked(run, st.session_state.get(PLACE, TABLE), label or "")


def pick(run: str | None, place: str, label: str | None = None) -> None:
    """Select a run; None selects none."""
    kept().keep("run", run)
    kept().keep("class", label)
    st.session_state[PLACE] = place
    if place != TABLE:
        st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1


def clickable(chart: go.Figure, reading: str, *, alt: str, place: str, key: str) -> None:
    """Draw a figure whose marks carry ``[run]`` or ``[run, class]`` as their customdata, and a line on how to read it."""
    # Plotly fades what was not clicked; the ring in the next drawing says it better
    chart.update_traces(unselected={"marker": {"opacity": 1}}, selector=lambda trace: trace.type == "scatter" and trace.name)
    st.plotly_chart(
        chart.update_layout(dragmode=False),
        theme=None,
        width="stretch",
        alt=alt,
        key=key,
        on_select=lambda: _clicked(key, place),
        selection_mode="points",
        config={"displayModeBar": False, "responsive": True},
    )
    st.caption(f"How to read this: {plain(reading)} Click to see the run.")


def _clicked(key: str, place: str) -> None:
    points = st.session_state[key]["selection"]["points"]
    told = [list(point["customdata"]) for point in points if point.get("customdata")]
    if told:
        run, *more = told[0]
        pick(str(run), place, more[0] if len(more) == 1 else None)
