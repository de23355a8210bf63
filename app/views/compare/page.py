"""Compare: one network beside its compressed versions."""

import pandas as pd
import streamlit as st

from common.networks import network_with_runs
from common.shell import figure, mistakes, steady, theme
from labkit import figures
from views.compare.asked import asked_measures
from views.compare.groups import groups
from views.compare.limits import recommendation
from views.compare.run_table import run_table
from views.compare.tradeoff import tradeoffs

st.title("Compare")
st.write("One trained network beside its compressed versions: what each one saves, and what it costs.")

left, right = st.columns([1, 2])
shelf, network, table = network_with_runs(left)
methods = sorted(set(table["method"]))
chosen = right.pills("methods", methods, selection_mode="multi", default=methods, key="methods", bind="query-params")
with st.expander(f"Exclude runs ({len(table)} are stored)"):
    out = st.multiselect(
        "runs to exclude",
        list(table.index),
        format_func=lambda run: table["label"].get(run, run),
        help="Your own runs are listed here too: the dashboard reads the folder given with `labkit app --store`.",
    )
table = table[table["method"].isin(chosen) & ~table.index.isin(out)]
if table.empty:
    st.info("No run is left. Choose a method above, or exclude fewer runs.")
    st.stop()

stored, table = table, table.sort_values(["series", "bytes"], ascending=[True, False])
beside = pd.concat([shelf.reference(network), table]).assign(reference=lambda frame: frame.index == network)
run_table(beside, file=f"labkit-{network}.csv")
with mistakes():
    asked_measures(shelf, table)

st.subheader("What is the best for its cost?")
tradeoffs(beside)

st.subheader("The smallest model within your limits")
with steady():
    recommendation(stored, shelf)

st.subheader("Which classes are affected?")
changes, affected = shelf.class_changes(table.index)
labels = {run: table["label"][run] for run in changes.index}
figure(
    figures.class_change_heatmap(changes.rename(index=labels), affected.rename(index=labels), theme=theme()),
    "one row per run, one column per class; orange classes lost accuracy, blue ones gained. A star marks a significant change "
    "(exact McNemar test, Benjamini-Hochberg, q < 0.05).",
    alt="Change of accuracy by class and run",
)

groups(shelf, table, {run: table["label"][run] for run in table.index})
