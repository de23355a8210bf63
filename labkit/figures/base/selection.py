"""The selected run, marked alike in every figure."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme

RING = 24  # pixels: around every mark there is


def ring(x: Any, y: Any, *, theme: Theme) -> go.Scatter:
    """Return rings around points; hovering and clicking go through to the points."""
    marker = {"symbol": "circle-open", "size": RING, "color": shades(theme).ink, "line": {"width": 2.5}}
    return go.Scatter(
        x=x, y=y, mode="markers", marker=marker, name="selected", hoverinfo="skip", showlegend=False, cliponaxis=False
    )


def frame_row(row: int, *, theme: Theme) -> dict[str, Any]:
    """Return a shape: a frame around one row of a heat map, over its whole width."""
    place = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", **place, "line": {"color": shades(theme).ink, "width": 2.5}, "fillcolor": "rgba(0,0,0,0)"}
