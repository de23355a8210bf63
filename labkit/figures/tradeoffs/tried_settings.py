"""Accuracy of all settings tried so far."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import SYMBOLS, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs

COLUMNS = ("x", "accuracy", "series", "label")
SMALL, LARGE = 7, 15


@shows_names
def tried_settings(tried: pd.DataFrame, *, x_label: str = "", reference: float | None = None, theme: Theme = "light") -> go.Figure:
    """Draw a mark for each setting that was tried, the latest of each series large.

    Parameters
    ----------
    tried : DataFrame, one row per (setting, series), in the order they were tried
        Columns x, accuracy (fraction), series (one colour and symbol each), label (for the hover text).
    x_label : str
        Title of the horizontal axis, with its unit.
    reference : float, optional
        Accuracy of the uncompressed network (fraction), a dotted line.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One trace per series.

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(tried, COLUMNS, figure="tried_settings", advice="add them to the table")
    figure, palette = go.Figure(), template(theme).layout.colorway
    for turn, (name, rows) in enumerate(tried.groupby("series", sort=False)):
        sizes = [SMALL] * (len(rows) - 1) + [LARGE]
        look = {"color": palette[turn % len(palette)], "symbol": SYMBOLS[(2 * turn) % len(SYMBOLS)], "size": sizes}
        hover = "%{text}: %{y:.1f} %<extra></extra>"
        y = PERCENT * rows["accuracy"].to_numpy(float)
        marks = {"mode": "markers", "marker": look, "text": rows["label"].to_list(), "hovertemplate": hover}
        figure.add_scatter(x=rows["x"].to_list(), y=y.tolist(), name=str(name), **marks)
    bounds = [PERCENT * value for value in (*tried["accuracy"], *([] if reference is None else [reference]))]
    if reference is not None:
        note = {"annotation_text": "uncompressed", "annotation_position": "top right"}
        figure.add_hline(y=PERCENT * reference, line={"color": shades(theme).ink, "dash": "dot", "width": 1.5}, **note)
    return figure.update_layout(
        template=template(theme),
        height=380,
        uirevision="tried_settings",
        showlegend=True,
        xaxis={"title": {"text": x_label}, "rangemode": "tozero"},
        yaxis={"title": {"text": "accuracy (%)"}, **({"range": [min(bounds) - 2, max(bounds) + 2]} if bounds else {})},
    )
