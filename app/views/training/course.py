"""How trainings of one network go, side by side."""

import pandas as pd
import streamlit as st

from common.address import choose
from common.shell import figure, theme
from labkit import figures
from views.training.stored import table_of


def training_course(stored: pd.DataFrame, network: str) -> None:
    """Draw the curves of one network's trainings (rows of `trainings`) at one sparsity, beside the dense one."""
    if stored.empty:
        st.info(
            f"No training of {network} is stored. Make one with `labkit train {network} --sparsify srigl`, then reload this page.",
            icon=":material/timer:",
        )
        return
    left, right = st.columns([1, 3])
    dense = stored["topology"] == "dense"
    sparsities = {f"{value:g}": value for value in sorted(set(stored.loc[~dense, "sparsity"]))} or {"0": 0.0}
    sparsity = choose(left, "sparsity", list(sparsities), name="sparsity", start="0.9", help="Share of zeros")
    beside = stored[dense | (stored["sparsity"] == sparsities[sparsity])]
    names = figures.in_order(beside["name"])
    shown = right.pills(
        "trainings",
        names,
        selection_mode="multi",
        default=[name for name in names if "," not in name] or names,
        format_func=figures.rule_title,
        help="With settings behind the name: those that differ from what most trainings of this network have.",
    )
    curves = []
    for run, row in beside[beside["name"].isin(shown)].iterrows():
        curve = table_of(row["folder"], str(run), "curve")
        if curve is not None:
            curves.append(curve.assign(topology=row["name"]))
    if not curves:
        st.info("No training is left. Choose one above.")
        return
    figure(
        figures.training_curves(pd.concat(curves), theme=theme()),
        "a line is a way to train, the mean over its seeds; higher is better, and earlier is faster. Measured on examples of the "
        "validation data.",
        alt="Validation accuracy over the steps",
    )
