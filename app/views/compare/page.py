"""Compare: one network beside its compressed versions."""

import pandas as pd
import streamlit as st

from common.networks import network_with_runs
from common.shell import figure, steady, theme
from labkit import figures
from views.compare.limits import recommendation
from views.compare.run_table import run_table

NEAR = 0.1  # accuracy within which runs are worth comparing closely

st.title("Compare")
st.write("One trained network beside its compressed versions: what each one saves, and what it costs.")

left, right = st.columns([1, 2])
shelf, network, table = network_with_runs(left)
methods = sorted(set(table["method"]))
chosen = right.pills("methods", methods, selection_mode="multi", default=methods, key="methods", bind="query-params")
with st.expander(f"Leave runs out ({len(table)} are stored)"):
    out = st.multiselect(
        "runs to leave out",
        list(table.index),
        format_func=lambda run: table["label"].get(run, run),
        help="Runs of your own appear here too: the dashboard reads the folder given with `labkit app --store`.",
    )
table = table[table["method"].isin(chosen) & ~table.index.isin(out)]
if table.empty:
    st.info("No run is left. Choose a method above, or leave fewer runs out.")
    st.stop()

table = table.sort_values(["series", "bytes"], ascending=[True, False])
reference = shelf.reference(network)
beside = pd.concat([reference, table]).assign(reference=lambda frame: frame.index == network)
run_table(beside, file=f"labkit-{network}.csv")

st.subheader("What is the best for its size?")
near = beside[beside["accuracy"] >= beside["accuracy"].max() - NEAR]
if 1 < len(near) < len(beside):
    hide = st.toggle(f"Only runs within {100 * NEAR:.0f} pp of the best", value=True, help="Ruined networks squeeze the rest flat")
    beside = near if hide else beside
sizes, times = st.columns(2)
pareto_reading = "up is more accurate, left is cheaper; nothing beats a point on the line in both. Whiskers are 95 % intervals."
with sizes:
    figure(
        figures.pareto(beside, x="bytes", x_label="size", x_unit="MB", scale=1e6, theme=theme()),
        pareto_reading,
        alt="Accuracy against size of every run",
    )
with times:
    figure(
        figures.pareto(
            beside,
            x="latency_ms",
            x_label="latency of one example",
            x_unit="ms",
            front_label="best for its time",
            theme=theme(),
        ),
        f"{pareto_reading} Latency was measured when the run was made.",
        alt="Accuracy against latency of every run",
    )

st.subheader("The smallest model within your limits")
with steady():
    recommendation(table, reference)

st.subheader("Which classes pay?")
changes, affected = shelf.class_changes(table.index)
names = {run: table["label"][run] for run in changes.index}
figure(
    figures.class_change_heatmap(changes.rename(index=names), affected.rename(index=names), theme=theme()),
    "a row is a run, a column a class; orange classes lost accuracy, blue ones gained. A star marks a change beyond chance "
    "(exact McNemar test, Benjamini-Hochberg, q < 0.05).",
    alt="Change of accuracy by class and run",
)

columns = shelf.group_columns(table.index)
if columns:
    st.subheader("Which groups pay?")
    column = st.segmented_control("by", columns, default=columns[0], required=True, key="by", bind="query-params")
    spread = {
        "accuracy_score_group_min": ("accuracy of the worst group", "further right is better"),
        "demographic_parity_difference": ("demographic parity difference", "0 is parity: every group is favoured equally often"),
        "equalized_odds_difference": ("equalized odds difference", "0 is parity: every group sees the same error rates"),
    }
    for place, (metric, (label, reading)) in zip(st.columns(len(spread)), spread.items(), strict=True):
        gaps = shelf.group_metric(table.index, column, metric)
        with place:
            if gaps.empty:
                st.caption(f"{label} is defined for two classes only.")
                continue
            chart = figures.intervals(100 * gaps.rename(index=names), label=label, theme=theme())
            figure(chart, f"{reading}; lines are 95 % intervals.", alt=f"{label} by run")
