"""Compare: one network beside its compressed versions."""

import streamlit as st

from common.networks import from_largest, network_with_runs, with_reference
from common.shell import mistakes, steady
from common.take_away import TAKE_AWAY
from common.words import plain
from views.compare.asked import MEASURES_ASKED, asked_measures
from views.compare.class_changes import CLASSES, class_changes
from views.compare.detail import detail
from views.compare.groups import GROUPS, groups
from views.compare.limits import LIMITS, recommendation
from views.compare.run_table import run_table
from views.compare.selection import TABLE, picked
from views.compare.tradeoff import TRADEOFFS, tradeoffs
from widgets.pulse import heartbeat

st.title("Compare")
st.write("One trained network beside its compressed versions: what each one saves, and what it costs.")

left, right = st.columns([1, 2])
shelf, network, table = network_with_runs(left)
methods = sorted(set(table["method"]))
chosen = right.pills(
    "methods", methods, selection_mode="multi", default=methods, format_func=plain, key="methods", bind="query-params"
)
with st.expander(f"Exclude runs ({len(table)} are stored)"):
    out = st.multiselect(
        "runs to exclude",
        list(table.index),
        format_func=lambda run: table["in_words"].get(run, run),
        help="Your own runs are listed here too: the dashboard reads the folder given with `labkit app --store`.",
    )
table = table[table["method"].isin(chosen) & ~table.index.isin(out)]
if table.empty:
    st.info("No run is left. Choose a method above, or exclude fewer runs.")
    st.stop()

stored, table = table, from_largest(table)
beside = with_reference(shelf, network, tuple(table.index), table)
found = picked(table)
with steady():
    heartbeat(MEASURES_ASKED, TAKE_AWAY)
run_table(shelf, beside, file=f"labkit-{network}.csv", found=found)
detail(shelf, table, found, TABLE)
with mistakes():
    asked_measures(shelf, table)

st.header("What is the best for its cost?")
tradeoffs(shelf, beside, found)
detail(shelf, table, found, TRADEOFFS)

st.header("The smallest model within your limits")
with steady():
    recommendation(stored, shelf)
detail(shelf, table, found, LIMITS)

st.header("Which classes are affected?")
class_changes(shelf, table, found)
detail(shelf, table, found, CLASSES)

groups(shelf, table, table["label"].to_dict(), found)
detail(shelf, table, found, GROUPS)
