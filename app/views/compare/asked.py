"""Measures that take long: computed for one run, on request."""

import pandas as pd
import streamlit as st

from common.shell import say
from labkit import runs
from labkit.audit import MEASURES
from labkit.runs import Library


def asked_measures(shelf: Library, table: pd.DataFrame) -> None:
    """Draw a button for every measure that is computed only on request; nothing where there is none."""
    asked = [measure for measure in MEASURES.values() if measure.when == "asked"]
    if not asked:
        return
    st.header("Measures that take longer")
    left, *places = st.columns([2, *[1] * len(asked)], vertical_alignment="bottom")
    run = left.selectbox("run", list(table.index), format_func=lambda name: table["in_words"].get(name, name), key="asked-run")
    for place, measure in zip(places, asked, strict=True):
        label = f"Measure {measure.title} on the selected run"
        if place.button(label, help=measure.help or None, key=f"asked-{measure.key}", width="stretch"):
            _measure(shelf, run, measure.key, measure.title)
    known = [
        measure.title for measure in asked if any(n.partition("[")[0] == measure.key and table[n].notna().any() for n in table)
    ]
    missing = [measure.title for measure in asked if measure.title not in known]
    if missing:
        st.caption(f"Not measured on any of these runs yet: {', '.join(missing)}.")


def _measure(shelf: Library, run: str, key: str, title: str) -> None:
    store = next(store for store in shelf.stores if run in store)
    try:
        with st.spinner(f"Measuring {title} …", show_time=True):
            runs.measure_run(store, run, [key], into=shelf.stores[0])
    except (ValueError, TypeError, OSError, RuntimeError) as error:  # a measure from outside may raise torch's own
        say(error)
        return
    st.rerun()
