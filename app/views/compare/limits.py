"""Limits as live sliders, and the smallest run that keeps them."""

import pandas as pd
import streamlit as st

from common.address import number, remember
from common.columns import in_columns
from labkit import runs
from labkit.audit import Limit, limits
from widgets.slider import live_slider, slider_value


@st.fragment
def recommendation(table: pd.DataFrame) -> None:
    """Draw a slider for every limit that measures offer and these runs were measured for, and the run that follows from them."""
    offered = {name: limit for name, limit in limits().items() if _figures(table, limit)}
    steps = {name: _steps(table, limit) for name, limit in offered.items()}
    keys = {name: f"limit-{name}" for name in offered}
    starts = {name: number(keys[name], limit.slider.default) for name, limit in offered.items()}
    values = {name: slider_value(keys[name], starts[name], steps[name]) for name in offered}
    for name, limit in offered.items():
        remember(keys[name], values[name], float(limit.slider.default))
    stated = dict.fromkeys(limits()) | {name: _stated(limit, values[name], steps[name]) for name, limit in offered.items()}
    controls, answer = st.container(), st.container()
    with answer:
        try:
            found = runs.recommend(table, **stated)
        except ValueError as error:
            st.info(str(error))
        else:
            _say(found, table)
    with controls:
        for place, (name, limit) in zip(_cells(len(offered)), offered.items(), strict=True):
            with place:
                loosest = stated[name] is None
                title = f"{limit.title} (no limit)" if loosest else limit.title
                live_slider(title, steps[name], value=starts[name], key=keys[name], unit=limit.unit)


def _say(found: runs.Recommendation, table: pd.DataFrame) -> None:
    sentence = found.reason[0].upper() + found.reason[1:]
    (st.success if found.id else st.warning)(sentence, icon=":material/check_circle:" if found.id else ":material/warning:")
    if found.id:
        st.caption(f"Run {found.id}: {table['label'][found.id]}.")
    with st.expander("Why not the others"):
        shown, settings = in_columns(found.considered.assign(run=table["label"]), short=True)
        st.dataframe(
            shown,
            hide_index=True,
            width="stretch",
            column_order=["run", *settings, "broken"],
            column_config={**settings, "broken": "violated limits"},
        )


def _figures(table: pd.DataFrame, limit: Limit) -> list[str]:
    """Columns that the limit is about and that hold anything; one for each group column where it is a figure by group."""
    return [name for name in table if (name == limit.figure or name.startswith(f"{limit.figure}[")) and table[name].notna().any()]


def _steps(table: pd.DataFrame, limit: Limit) -> list[float]:
    """Steps of the slider; a slider of counts ends at the largest count there is."""
    steps = [float(step) for step in limit.slider.grid()]
    if not limit.slider.whole or limit.lower:
        return steps
    most = max(float(table[name].max()) for name in _figures(table, limit)) * limit.scale
    return [step for step in steps if step <= max(most, limit.slider.default)] or steps


def _stated(limit: Limit, value: float, steps: list[float]) -> float | None:
    """Return the limit in the units of the table; none at the loosest end, unless one holds by default."""
    loosest = steps[0] if limit.lower else steps[-1]
    return None if value == loosest and limit.default is None else value / limit.scale


def _cells(count: int) -> list:
    """Three to a row."""
    return [cell for _ in range(0, count, 3) for cell in st.columns(3)][:count]
