"""Validation accuracy over the course of one network's trainings."""

import pandas as pd
import streamlit as st

from common.address import choose
from common.shell import figure, theme
from common.words import code, plain
from labkit import figures
from labkit.runs.trainings import rule_titles
from views.training.stored import table_of


def training_course(stored: pd.DataFrame, network: str) -> None:
    """Draw the curves of one network's trainings (rows of `trainings`) at one sparsity, with the dense one."""
    titles = rule_titles()
    if stored.empty:
        command = f"labkit train {network} --sparsify {next(iter(titles))}"
        st.info(
            f"No training of {plain(network)} is stored. Make one with {code(command)}, then reload this page.",
            icon=":material/timer:",
        )
        return
    left, right = st.columns([1, 3])
    dense = stored["rule"] == "dense"
    sparsities = {f"{value:g}": value for value in sorted(set(stored.loc[~dense, "sparsity"]))} or {"0": 0.0}
    sparsity = choose(left, "sparsity", list(sparsities), name="sparsity", start="0.9", help="Fraction of zeros")
    beside = stored[dense | (stored["sparsity"] == sparsities[sparsity])]
    names = figures.in_order(beside["name"], titles)
    shown = right.pills(
        "trainings",
        names,
        selection_mode="multi",
        default=[name for name in names if "," not in name] or names,
        format_func=lambda name: figures.rule_title(name, titles),
        help="Settings after a name are those that differ from most trainings of this network.",
    )
    curves = []
    for run, row in beside[beside["name"].isin(shown)].iterrows():
        curve = table_of(row["folder"], str(run), "curve")
        if curve is not None:
            curves.append(curve.assign(rule=row["name"]))
    if not curves:
        st.info("No training is selected. Choose one above.")
        return
    figure(
        figures.training_curves(pd.concat(curves), titles=titles, theme=theme()),
        "one line per rule, the mean over its seeds; higher is better, and earlier is faster. Measured on examples of the "
        "validation data.",
        alt="Validation accuracy over the steps",
    )
