"""The table of runs, and its download."""

import pandas as pd
import streamlit as st

from common.columns import in_columns


def run_table(table: pd.DataFrame, *, file: str) -> None:
    """Draw one row per run, the uncompressed network first; the download holds the stored figures, e.g. fractions."""
    shown, settings = in_columns(table)
    settings = {"label": st.column_config.TextColumn("run", pinned=True, width="medium"), **settings}
    st.dataframe(
        shown,
        width="stretch",
        hide_index=True,
        column_order=list(settings),
        column_config=settings,
        height=min(38 + 35 * len(shown), 395),
        placeholder="–",
        alt="One row per run, one column per measure",
    )
    note, download = st.columns([3, 1], vertical_alignment="center")
    note.caption("How to read this: one row per run; changes and ratios are relative to the uncompressed network in the first row.")
    download.download_button("Download CSV", table.to_csv().encode(), file_name=file, mime="text/csv", width="stretch")
