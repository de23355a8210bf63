"""Every figure of every class."""

import streamlit as st

from common.notes import show_notes
from labkit.audit import Audit


def class_table(audit: Audit) -> None:
    """Draw `Audit.per_class`, in percent and percentage points."""
    wanted = ["examples", "accuracy", "reference_accuracy", "change", "n01", "n10", "q", "affected", "precision"]
    shown = audit.per_class[[name for name in wanted if name in audit.per_class]]
    percent = {name: 100 * shown[name] for name in ("accuracy", "reference_accuracy", "change", "precision") if name in shown}
    st.dataframe(
        shown.assign(**percent),
        width="stretch",
        placeholder="–",
        alt="Figures of every class",
        column_config={
            "accuracy": st.column_config.NumberColumn("accuracy", format="%.1f %%"),
            "reference_accuracy": st.column_config.NumberColumn("before", format="%.1f %%"),
            "change": st.column_config.NumberColumn("change", format="%+.1f pp"),
            "precision": st.column_config.NumberColumn("precision", format="%.1f %%"),
            "n01": st.column_config.NumberColumn("lost", help="Examples that only the uncompressed network gets right"),
            "n10": st.column_config.NumberColumn("gained", help="Examples that only the compressed network gets right"),
            "q": st.column_config.NumberColumn("q", format="%.3f", help="Benjamini-Hochberg over the classes"),
        },
    )
    st.caption("How to read this: q below 0.05 marks a significant change.")
    show_notes(audit.notes)
