"""Measures that take long: computed on request, for one run or for all that lack them, in the background."""

from collections.abc import Hashable

import pandas as pd
import streamlit as st

from common.long_work import long_work, start
from common.server import jobs
from common.shell import library, say, steady
from common.words import plain
from labkit import runs
from labkit.audit import MEASURES, Measure
from labkit.runs import Library
from widgets.pulse import background

MEASURES_ASKED = "measures"  # a page with the buttons has a ``heartbeat(MEASURES_ASKED)``
EVERY = ""  # stands for every run that lacks the measure
RUN, SEEN = "asked-run", "measures-seen"


def asked_measures(shelf: Library, table: pd.DataFrame) -> None:
    """Draw a button for every measure that is computed only on request; nothing where there is none."""
    asked = [measure for measure in MEASURES.values() if measure.when == "asked"]
    if not asked:
        return
    st.header("Measures that take longer")
    with steady():
        _buttons(shelf, table, asked)
    missing = [measure.title for measure in asked if len(_lacking(table, measure.key)) == len(table)]
    if missing:
        st.caption(f"Not measured on any of these runs yet: {plain(', '.join(missing))}.")


@st.fragment
def _buttons(shelf: Library, table: pd.DataFrame, asked: list[Measure]) -> None:
    """Draw the run, a button for every measure, and below them how far a measurement is; one runs at a time."""
    question = _question(shelf)
    job = jobs().find(question)
    busy = job is not None and not job.finished
    left, *places = st.columns([2, *[1] * len(asked)], vertical_alignment="bottom")
    names = {**{run: table["in_words"].get(run, run) for run in table.index}, EVERY: "every run listed that lacks it"}
    run = left.selectbox("run", list(names), format_func=lambda name: names.get(name, name), key=RUN)
    for place, measure in zip(places, asked, strict=True):
        place.button(
            f"Measure {measure.title} on {'the listed runs' if run == EVERY else 'the selected run'}",
            help=measure.help or None,
            key=f"asked-{measure.key}",
            width="stretch",
            disabled=busy or (run == EVERY and not _lacking(table, measure.key)),
            on_click=_start,
            args=(shelf, table, measure.key),
        )
    long_work(
        MEASURES_ASKED,
        question,
        lambda cancel: iter(()),  # the buttons above start it
        label="",
        progress=lambda step: (step.done, step.total),
        doing=lambda step: _words(step, names),
        below=lambda step, running: None if running else _ended(shelf, table, step),
    )


def _question(shelf: Library) -> Hashable:
    return MEASURES_ASKED, str(shelf.stores[0].folder)


def _start(shelf: Library, table: pd.DataFrame, key: str) -> None:
    """Measure what is chosen now: the box may have changed since the button was drawn."""
    run = st.session_state[RUN]
    chosen = _lacking(table, key) if run == EVERY else [run]
    start(MEASURES_ASKED, _question(shelf), lambda cancel: runs.measure_runs(shelf, chosen, [key], into=shelf.stores[0]))


def _lacking(table: pd.DataFrame, key: str) -> list[str]:
    """Runs without a figure of the measure."""
    figures = [name for name in table if name.partition("[")[0] == key]
    return list(table.index[~table[figures].notna().any(axis=1)]) if figures else list(table.index)


def _words(step: runs.Measuring, names: dict[str, str]) -> str:
    titles = ", ".join(MEASURES[key].title for key in step.measures if key in MEASURES)
    which = f", run {min(int(step.done) + 1, step.total)} of {step.total}" if step.total > 1 else ""
    return f"Measuring {titles}{which}: {names.get(step.run, step.run)}, {step.done - int(step.done):.0%}"


def _ended(shelf: Library, table: pd.DataFrame, step: runs.Measuring | None) -> None:
    """Draw the page again, once, where runs have changed; what was measured before a stop is stored."""
    job = background(MEASURES_ASKED).job
    if job is not None and st.session_state.get(SEEN) is not job:
        st.session_state[SEEN] = job
        if library() is not shelf:
            st.rerun()
    if step is not None and step.run in table.index:
        for failure in step.failures:
            say(ValueError(failure))
