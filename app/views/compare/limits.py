"""Limits as live sliders, and the smallest run that keeps them."""

import pandas as pd
import streamlit as st

from labkit import runs
from widgets.slider import live_slider, slider_value

DROPS = [round(0.1 * step, 1) for step in range(101)]
SHARES = [float(step) for step in range(5, 205, 5)]
GAPS = [round(0.5 * step, 1) for step in range(61)]


@st.fragment
def recommendation(table: pd.DataFrame, reference: pd.DataFrame) -> None:
    """Draw the limits and what follows from them."""
    classes = [float(count) for count in range(int(table["affected_classes"].max()) + 1)] or [0.0]
    limits = {
        "accuracy_drop": ("accuracy may drop by", DROPS, 1.0, "pp", 100),
        "affected_classes": ("affected classes", classes, 0.0, "", 1),
        "latency_ratio": ("latency at most", SHARES, SHARES[-1], "%", 100),
    }
    if any(name.startswith("dpd[") for name in table):
        limits |= {
            "dpd": ("demographic parity gap at most", GAPS, GAPS[-1], "pp", 100),
            "eod": ("equalized odds gap at most", GAPS, GAPS[-1], "pp", 100),
        }
    keys = {name: f"limit-{name}" for name in limits}
    stated = {name: slider_value(keys[name], start, steps) / per for name, (_, steps, start, _, per) in limits.items()}
    controls, answer = st.container(), st.container()
    with answer:
        try:
            found = runs.recommend(table, **stated)
        except ValueError as error:
            st.info(str(error))
        else:
            sentence = found.reason[0].upper() + found.reason[1:]
            (st.success if found.id else st.warning)(sentence, icon=":material/check_circle:" if found.id else ":material/warning:")
            if found.id:
                st.caption(f"Run {found.id}: {table['label'][found.id]}.")
            with st.expander("Why not the others"):
                st.dataframe(
                    found.considered.assign(run=table["label"])[["run", "bytes", "accuracy", "broken"]],
                    hide_index=True,
                    width="stretch",
                    column_config={
                        "broken": "limits it breaks",
                        "bytes": st.column_config.NumberColumn("bytes", format="localized"),
                        "accuracy": st.column_config.NumberColumn("accuracy", format="percent"),
                    },
                )
    with controls:
        for place, (name, (label, steps, start, unit, _)) in zip(_cells(len(limits)), limits.items(), strict=True):
            with place:
                live_slider(label, steps, value=start, key=keys[name], unit=unit)


def _cells(count: int) -> list:
    """Three to a row."""
    return [cell for _ in range(0, count, 3) for cell in st.columns(3)][:count]
