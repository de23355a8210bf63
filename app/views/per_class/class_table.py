"""Every figure of every class."""

import pandas as pd
import streamlit as st

from common.notes import show_notes
from common.shell import theme
from labkit.audit import Audit
from labkit.figures.base.largest import as_numbers

# orange worse, blue better, on the paper of either theme
PAINT = {
    "light": {"harmed": "color: #a84300", "unharmed": "color: #0054a3"},
    "dark": {"harmed": "color: #f0883e", "unharmed": "color: #6cb8f0"},
}


def class_table(audit: Audit) -> None:
    """Draw `Audit.per_class`, in percent and percentage points."""
    wanted = [
        "verdict",
        "needed",
        "reference_accuracy",
        "accuracy",
        "change",
        "examples",
        "n01",
        "n10",
        "q",
        "affected",
        "precision",
    ]
    shown = as_numbers(audit.per_class[[name for name in wanted if name in audit.per_class]])
    percent = {name: 100 * shown[name] for name in ("accuracy", "reference_accuracy", "change", "precision") if name in shown}
    table = shown.assign(**percent)
    painted = "verdict" in table and table.size <= pd.get_option("styler.render.max_elements")  # pandas paints no larger table
    st.dataframe(
        table.style.map(lambda word: PAINT[theme()].get(word, ""), subset=["verdict"]) if painted else table,
        width="stretch",
        placeholder="–",
        alt="Figures of every class",
        column_config={
            "verdict": st.column_config.TextColumn("verdict", help="By the interval of the change and a margin of 2 pp"),
            "needed": st.column_config.NumberColumn("would tell", format="%,.0f", help="About how many examples of it would tell"),
            "accuracy": st.column_config.NumberColumn("accuracy", format="%.1f %%"),
            "reference_accuracy": st.column_config.NumberColumn("before", format="%.1f %%"),
            "change": st.column_config.NumberColumn("change", format="%+.1f pp"),
            "precision": st.column_config.NumberColumn("precision", format="%.1f %%"),
            "n01": st.column_config.NumberColumn("lost", help="Examples that only the uncompressed network gets right"),
            "n10": st.column_config.NumberColumn("gained", help="Examples that only the compressed network gets right"),
            "q": st.column_config.NumberColumn("q", format="%.3f", help="Benjamini-Hochberg over the classes"),
        },
    )
    st.caption(
        "How to read this: a class is harmed where the whole interval of its change lies below the margin, unharmed where it lies "
        "above; else these examples cannot tell. q below 0.05 marks a significant change, for the better or the worse."
    )
    show_notes(audit.notes)
