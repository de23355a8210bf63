"""Figures of one audit on the page Live, and the tables that its method brings."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from common.charts import chart
from common.notes import show_notes
from common.shell import theme
from common.tables import chart_of, drawing, subject, table_title
from common.words import plain
from labkit import figures, live
from labkit.audit import Audit, confusion_change, flips
from labkit.compress import Method
from views.live.group_changes import group_changes
from views.live.pictures import pictures
from widgets.figure import live_figure


def charts(
    session: live.Session,
    method: Method,
    progress: live.Progress,
    slider: str | None,
    value: float,
    curve: Mapping[float, Any],
    measured_at: str = "",
) -> None:
    """Draw what an audit says beyond its headlines.

    `value` is the slider's; `curve` holds what is known of its other steps, where the other sliders stand at `measured_at`.
    """
    audit = progress.audit
    where = "" if slider is None else f" at {slider} {value:g}"
    left, right = st.columns(2)
    with left:
        _classes(audit, where, value)
    with right:
        if slider is not None:
            _curve(curve, slider, value, measured_at)
    group_changes(audit, where, value)
    left, right = st.columns(2)
    with left:
        _decisions(audit, where, value)
    with right:
        st.header("Which examples are now wrong?")
        audited = session.split if progress.exact else session.split.subset(session.order[: progress.examples])
        pictures(audited, flips(audit, "lost"))
    show_notes(audit.notes)
    for name, table in progress.tables.items():
        _method_table(method, name, table, where, value)


def _classes(audit: Audit, where: str, value: float) -> None:
    st.header(plain(f"Which classes lose accuracy{where}?"))
    live_figure(
        chart(figures.class_change, audit.per_class, theme=theme()),
        "left of the line a class lost accuracy, right of it it gained; whiskers are 95 % intervals.",
        alt=f"Change of accuracy by class{where}",
        key="live-classes",
        value=value,
    )


def _curve(curve: Mapping[float, Any], slider: str, value: float, measured_at: str) -> None:
    st.header(f"Accuracy over the whole slider{f', measured at {plain(measured_at)}' if measured_at else ''}")
    if len(curve) <= 2:
        st.caption("There is a curve as soon as three steps of this slider are audited: move it, or audit every step below.")
        return
    reading = "the band is the 95 % interval, the dotted line the uncompressed network, the diamond the position of the slider."
    live_figure(
        chart(figures.slider_curve, pd.DataFrame(curve).T, value=value, x_label=slider, theme=theme()),
        reading,
        alt=f"Accuracy over {slider}",
        key="live-curve",
        value=value,
    )


def _decisions(audit: Audit, where: str, value: float) -> None:
    st.header("How did the confusion matrix change?")
    live_figure(
        chart(figures.confusion_change, confusion_change(audit), theme=theme()),
        "examples of the class on the left that moved to the class below; orange is for the worse, blue for the better.",
        alt=f"Change of the confusion matrix{where}",
        key="live-confusion",
        value=value,
    )


def _method_table(method: Method, name: str, table: pd.DataFrame, where: str, value: float) -> None:
    """Draw a table that the method says about the compressed network with the figure that it names for it."""
    title = table_title(name)
    st.header(plain(f"{title}{where}"))
    draw = drawing(method.tables.get(name, ""))
    if draw is None:
        st.dataframe(table, width="stretch", alt=title)
    else:
        live_figure(chart_of(draw, table), subject(draw), alt=f"{title}{where}", key=f"live-table-{name}", value=value)
