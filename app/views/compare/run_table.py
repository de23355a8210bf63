"""The table of runs, and its download."""

from typing import Any

import pandas as pd
import streamlit as st

from common.columns import in_columns, in_parameters
from common.shared import shared
from labkit.runs import Library
from views.compare.selection import ROUND, TABLE, Picked, pick

COMMON = 0.25  # share of the runs that have a parameter, from which it stands before the measures


@shared
def _prepared(shelf: Library, runs: tuple[str, ...], _table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any], bytes]:
    """The table in the units of its columns, the settings of these in order, and the file to download."""
    shown, settings = in_columns(_table)
    shown, parameters = in_parameters(shown)
    common = {name: setting for name, setting in parameters.items() if shown[name].notna().mean() >= COMMON}
    settings = {
        "in_words": st.column_config.TextColumn("run", pinned=True, width="medium"),
        "method": st.column_config.TextColumn("method"),
        **common,
        **settings,
        **{name: setting for name, setting in parameters.items() if name not in common},
    }
    return shown, settings, _table.to_csv().encode()


def run_table(shelf: Library, table: pd.DataFrame, *, file: str, found: Picked | None = None) -> None:
    """Draw one row per run, the uncompressed network first; the download holds the stored figures, e.g. fractions."""
    shown, settings, text = _prepared(shelf, tuple(table.index), table)
    key = f"runs-{file}-{st.session_state.get(ROUND, 0)}"
    rows = [] if found is None else [shown.index.get_loc(found.run)]
    st.dataframe(
        shown,
        width="stretch",
        hide_index=True,
        column_order=list(settings),
        column_config=settings,
        height=min(38 + 35 * len(shown), 395),
        placeholder="–",
        alt="One row per run, one column per parameter and measure",
        key=key,
        on_select=lambda: _clicked(key, list(shown.index)),
        selection_mode="single-row",
        selection_default={"selection": {"rows": rows}},
    )
    note, download = st.columns([3, 1], vertical_alignment="center")
    note.caption(
        "How to read this: one row per run; changes and ratios are relative to the uncompressed network in the first row. "
        "Click a column's title to sort, and the box left of a row to see the run."
    )
    download.download_button("Download CSV", text, file_name=file, mime="text/csv", width="stretch")


def _clicked(key: str, runs: list[Any]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    pick(str(runs[rows[0]]) if rows else None, TABLE)
