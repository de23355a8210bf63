"""Accuracy over the values of a slider, with a mark at its current value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import Shades, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs

COLUMNS = ("accuracy", "accuracy_low", "accuracy_high")


@shows_names
def slider_curve(frame: pd.DataFrame, *, value: float | None = None, x_label: str = "", theme: Theme = "light") -> go.Figure:
    """Draw accuracy in percent over the values of a slider, and mark the row nearest to `value`.

    Always five traces (lower and upper end of the interval, reference, accuracy, marker) and one shape, the line at the marker.

    Parameters
    ----------
    frame : DataFrame
        Indexed by the values of the slider (numbers); columns accuracy, accuracy_low, accuracy_high and optionally
        reference_accuracy (fractions). A row of NaN leaves a gap.
    value : float, optional
        Current value of the slider, in the unit of the index; by default the first of it.
    x_label : str
        Title of the horizontal axis, with its unit; by default the name of the index.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, the frame is empty or the index is not numbers.
    """
    needs(frame, COLUMNS, figure="slider_curve", advice="add them to the frame")
    if frame.empty or not pd.api.types.is_numeric_dtype(frame.index):
        raise ValueError("slider_curve needs an index of numbers; set the values of the slider as the index")
    curve = frame.sort_index()
    where = curve.index.to_numpy(float)
    value = float(where[0]) if value is None else value
    accuracy, low, high = (curve[key].to_numpy(float) * PERCENT for key in COLUMNS)
    missing = np.full(len(curve), np.nan)
    reference = curve["reference_accuracy"].to_numpy(float) * PERCENT if "reference_accuracy" in curve else missing
    here = _nearest(where, accuracy, value)
    colours, colour = shades(theme), template(theme).layout.colorway[0]
    figure = go.Figure(
        [
            _limit(where, low, fill=False, colour=colour),
            _limit(where, high, fill=True, colour=colour),
            _reference(where, reference, colours),
            _curve(where, accuracy, low, high, colour),
            _marker(where[here], accuracy[here], colours.ink, _side(where, here)),
        ]
    )
    figure.update_layout(
        template=template(theme),
        height=320,
        uirevision="slider_curve",
        xaxis={"title": {"text": x_label or str(frame.index.name or "")}},
        yaxis={"title": {"text": "accuracy (%)"}},
        shapes=[_upright(where[here][0] if here.any() else value, colours)],
    )
    return figure


def _nearest(where: np.ndarray, accuracy: np.ndarray, value: float) -> np.ndarray:
    """Return bool [rows], True at the measured row nearest to `value`; all False if nothing was measured."""
    distance = np.where(np.isnan(accuracy), np.inf, np.abs(where - value))
    return (np.arange(len(where)) == distance.argmin()) & np.isfinite(distance)


def _limit(where: np.ndarray, limit: np.ndarray, *, fill: bool, colour: str) -> go.Scatter:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return go.Scatter(
        x=where,
        y=limit,
        mode="lines",
        line={"width": 0},
        fill="tonexty" if fill else "none",
        fillcolor=f"rgba({red},{green},{blue},0.2)",
        hoverinfo="skip",
        showlegend=False,
    )


def _reference(where: np.ndarray, reference: np.ndarray, colours: Shades) -> go.Scatter:
    return go.Scatter(
        x=where,
        y=reference,
        mode="lines",
        name="reference",
        line={"dash": "dot", "width": 1.5, "color": colours.ink},
        hovertemplate="reference accuracy %{y:.2f} %<extra></extra>",
        showlegend=not np.isnan(reference).all(),
    )


def _curve(where: np.ndarray, accuracy: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> go.Scatter:
    return go.Scatter(
        x=where,
        y=accuracy,
        mode="lines+markers",
        name="accuracy with interval",
        line={"width": 2, "color": colour},
        marker={"size": 5, "color": colour},
        customdata=np.stack([low, high], axis=1),
        hovertemplate="at %{x}: accuracy %{y:.2f} %<br>interval %{customdata[0]:.2f} % to %{customdata[1]:.2f} %<extra></extra>",
    )


def _side(where: np.ndarray, here: np.ndarray) -> str:
    """Return the side of the text: below and left of a falling curve is free, except at its left end, where the axis is."""
    at_left_end = here.any() and where[here][0] < where[0] + 0.2 * (where[-1] - where[0])
    return "bottom right" if at_left_end or not here.any() else "bottom left"


def _marker(where: np.ndarray, accuracy: np.ndarray, colour: str, side: str) -> go.Scatter:
    return go.Scatter(
        x=where,
        y=accuracy,
        mode="markers+text",
        marker={"size": 13, "symbol": "diamond", "color": colour},
        text=[f"{a:.1f}%" for a in accuracy],
        textposition=side,
        cliponaxis=False,
        hovertemplate="slider at %{x}: accuracy %{y:.2f} %<extra></extra>",
        showlegend=False,
    )


def _upright(x: float, colours: Shades) -> dict:
    return {
        "type": "line",
        "x0": float(x),
        "x1": float(x),
        "xref": "x",
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "layer": "below",
        "line": {"color": colours.quiet, "width": 1},
    }
