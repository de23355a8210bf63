"""The table of runs, and its download."""

import pandas as pd
import streamlit as st

SHARES = ("accuracy", "accuracy_low", "accuracy_high", "ece")
POINTS = ("accuracy_change", "worst_class_change")
RATIOS = ("bytes_ratio", "latency_ratio")


def run_table(table: pd.DataFrame, *, file: str) -> None:
    """Draw one row a run, the uncompressed network first; the download holds every figure as a fraction."""
    gaps = [name for name in table if name.startswith(("worst_group_accuracy[", "dpd[", "eod["))]
    percent = [name for name in (*SHARES, *POINTS, *RATIOS, *gaps) if name in table]
    shown = table.assign(**{name: 100 * table[name].astype(float) for name in percent}, size=table["bytes"] / 1e3)
    columns = {
        "label": st.column_config.TextColumn("run", pinned=True, width="medium"),
        "accuracy": st.column_config.NumberColumn("accuracy", format="%.2f %%", help="On the test data"),
        "accuracy_change": st.column_config.NumberColumn("change", format="%+.2f pp", help="Against the uncompressed network"),
        "affected_classes": st.column_config.NumberColumn("affected classes", format="%d", help="Changed beyond chance, q < 0.05"),
        "worst_class_change": st.column_config.NumberColumn("worst class", format="%+.1f pp", help="The class that lost most"),
        "size": st.column_config.NumberColumn("size", format="%,.0f kB", help="Values, indices and masks"),
        "bytes_ratio": st.column_config.NumberColumn("of the bytes", format="%.0f %%"),
        "latency_ms": st.column_config.NumberColumn("latency", format="%.2f ms", help="One example, when the run was made"),
        "latency_ratio": st.column_config.NumberColumn("of the latency", format="%.0f %%"),
        "ece": st.column_config.NumberColumn("calibration error", format="%.1f %%", help="Expected calibration error, 15 bins"),
        **{name: st.column_config.NumberColumn(_in_words(name), format="%.1f %%") for name in gaps},
    }
    st.dataframe(
        shown,
        width="stretch",
        hide_index=True,
        column_order=[name for name in columns if name in shown],
        column_config=columns,
        height=min(38 + 35 * len(shown), 395),
        placeholder="–",
        alt="One row a run: accuracy, change, affected classes, size, latency",
    )
    note, download = st.columns([3, 1], vertical_alignment="center")
    note.caption("How to read this: one row a run; change and ratios are against the uncompressed network in the first row.")
    download.download_button("Download CSV", table.to_csv().encode(), file_name=file, mime="text/csv", width="stretch")


def _in_words(name: str) -> str:
    metric, _, column = name.rstrip("]").partition("[")
    words = {"worst_group_accuracy": "worst group", "dpd": "parity gap", "eod": "odds gap"}
    return f"{words[metric]} by {column}"
