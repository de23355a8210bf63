"""Accuracy against cost, with the Pareto front."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.log_ticks import log_ticks
from labkit.figures.base.selection import ring
from labkit.figures.base.shades import SYMBOLS, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.tradeoffs.pareto_front import pareto_front

COLUMNS = ("accuracy", "accuracy_low", "accuracy_high", "label", "series")
MANY = 8  # entries of the legend in one column
LOG_FROM = 20


def pareto(
    frame: pd.DataFrame,
    *,
    x: str = "bytes",
    x_label: str = "",
    x_unit: str = "",
    scale: float = 1.0,
    front_label: str = "best for its size",
    selected: str | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Draw accuracy in percent against the cost of runs, with the Pareto front.

    The first trace is the front, then one per series in order of appearance, last the reference. The customdata of a point is
    ``[run id]``.

    Parameters
    ----------
    frame : DataFrame, one row per run
        Indexed by run id; columns accuracy, accuracy_low, accuracy_high (fractions), `x`, label (for the hover text), series (one
        colour and symbol each) and optionally reference (bool: drawn as a star, with a line at its accuracy). Rows without `x` or
        accuracy are left out.
    x : str
        Column of the horizontal axis; lower is better.
    x_label, x_unit : str
        Name and unit of the axis; by default the name of the column, without a unit.
    scale : float
        `x` is divided by it: 1e6 converts bytes to MB.
    front_label : str
        Legend entry of the front.
    selected : str, optional
        Row of the index that gets a ring.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing or `scale` is not positive.

    Notes
    -----
    The axis is logarithmic where its largest value is more than 20 times the smallest.
    """
    needs(frame, (*COLUMNS, x), figure="pareto", advice="add them to the frame")
    if not scale > 0:
        raise ValueError(f"scale must be above 0, got {scale}; 1e6 converts bytes to MB")
    x_label = x_label or x
    known = frame[frame[x].notna() & frame["accuracy"].notna()]
    points = known.assign(_x=known[x].astype(float) / scale)
    reference = points["reference"].fillna(False).astype(bool) if "reference" in points else pd.Series(False, index=points.index)
    colours, palette = shades(theme), template(theme).layout.colorway
    unit = f" {x_unit}" if x_unit else ""
    figure = go.Figure(_front(points, front_label, colours.quiet))
    for turn, (series, rows) in enumerate(points[~reference].groupby("series", sort=False)):
        look = {"color": palette[turn % len(palette)], "symbol": SYMBOLS[turn % len(SYMBOLS)], "size": 10}
        figure.add_trace(_dots(rows, str(series), look, x_label, unit))
    if reference.any():
        look = {"color": colours.ink, "symbol": "star", "size": 15}
        figure.add_trace(_dots(points[reference], "reference", look, x_label, unit))
        for accuracy in points.loc[reference, "accuracy"].unique():
            figure.add_hline(y=accuracy * PERCENT, line={"color": colours.quiet, "width": 1, "dash": "dot"}, layer="below")
    if selected in points.index:
        here = points.loc[[selected]]
        figure.add_trace(ring(here["_x"].to_numpy(float), here["accuracy"].to_numpy(float) * PERCENT, theme=theme))
    figure.update_layout(
        template=template(theme),
        height=480,
        uirevision=f"pareto {x}",
        hovermode="closest",
        xaxis={"title": {"text": f"{x_label} ({x_unit})" if x_unit else x_label}, **_axis(points["_x"].to_numpy(float))},
        yaxis={"title": {"text": "accuracy (%)"}},
        # two columns also on a narrow page: in one, many entries would leave no room for the plot
        **({"legend": {"entrywidthmode": "fraction", "entrywidth": 0.5}} if len(figure.data) > MANY else {}),
    )
    return figure


def _axis(values: np.ndarray) -> dict:
    """Return a logarithmic axis where the values span decades."""
    if not len(values) or values.min() <= 0 or values.max() / values.min() <= LOG_FROM:
        return {"type": "linear", "rangemode": "tozero"}
    return log_ticks(values)


def _front(points: pd.DataFrame, name: str, colour: str) -> go.Scatter:
    rows = points[["_x", "accuracy"]].reset_index(drop=True)
    best = rows.loc[pareto_front(rows, "_x")]
    return go.Scatter(
        x=best["_x"].to_numpy(float),
        y=best["accuracy"].to_numpy(float) * PERCENT,
        mode="lines",
        name=name,
        line={"shape": "hv", "width": 1.5, "color": colour},
        hoverinfo="skip",
    )


def _dots(rows: pd.DataFrame, name: str, look: dict, x_label: str, unit: str) -> go.Scatter:
    accuracy, low, high = (rows[key].to_numpy(float) * PERCENT for key in ("accuracy", "accuracy_low", "accuracy_high"))
    return go.Scatter(
        x=rows["_x"].to_numpy(float),
        y=accuracy,
        mode="markers",
        name=name,
        marker=look,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": high - accuracy,
            "arrayminus": accuracy - low,
            "thickness": 1,
            "width": 0,
        },
        customdata=[[run] for run in rows.index],
        hovertext=[
            f"<b>{label}</b><br>accuracy {a:.2f} % (interval {lo:.2f} % to {hi:.2f} %)<br>{x_label}: {value:.4g}{unit}"
            for label, a, lo, hi, value in zip(rows["label"], accuracy, low, high, rows["_x"], strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
