"""Accuracy of the sensitive groups before and after, by name."""

import pandas as pd
import streamlit as st

from common.charts import chart
from common.shell import theme
from common.words import plain
from labkit import figures
from labkit.audit import Audit
from widgets.figure import live_figure

NAMES = {
    "examples": st.column_config.NumberColumn("examples", format="localized"),
    "reference_accuracy": st.column_config.NumberColumn("before", format="%.2f %%"),
    "accuracy": st.column_config.NumberColumn("after", format="%.2f %%"),
    "change": st.column_config.NumberColumn("change", format="%+.2f pp"),
    "verdict": st.column_config.TextColumn("verdict", help="harmed or unharmed, as far as the 95 % interval of the change tells"),
    "needed": st.column_config.NumberColumn("would tell", format="localized", help="About how many examples would tell."),
}


def group_changes(audit: Audit, where: str, value: float) -> None:
    """Draw every group's accuracy before and after; nothing where the data have no sensitive columns."""
    table = audit.group_changes
    if table is None or table.empty:
        return
    columns = list(dict.fromkeys(table.index.get_level_values(0)))
    st.header(plain(f"Which groups lose accuracy{where}?"))
    column = columns[0]
    if len(columns) > 1:
        column = (
            st.segmented_control("by", columns, format_func=plain, default=columns[0], required=True, key="live-groups-by")
            or columns[0]
        )
    left, right = st.columns(2)
    with left:
        live_figure(
            chart(figures.group_changes, table, column, theme=theme()),
            "hollow is the uncompressed network, filled the compressed one; whiskers are the 95 % interval of the change.",
            alt=f"Accuracy by {column} before and after{where}",
            key="live-groups",
            value=value,
        )
    with right:
        _table(table.loc[column], column)


def _table(rows: pd.DataFrame, column: str) -> None:
    share = {name: 100 * rows[name] for name in ("reference_accuracy", "accuracy", "change")}
    shown = rows.assign(**share)
    order = [name for name in NAMES if name in shown and not (name == "needed" and shown[name].isna().all())]
    st.dataframe(
        shown, column_order=order, column_config=NAMES, width="stretch", placeholder="–", alt=f"Groups by {column} before and after"
    )
    before, after = (100 * (rows[name].max() - rows[name].min()) for name in ("reference_accuracy", "accuracy"))
    st.caption(
        f"Between the groups lie {before:.2f} pp of accuracy before and {after:.2f} pp after; "
        "a gap says little beside a low accuracy."
    )
