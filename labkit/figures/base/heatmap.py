"""Common parts of the heat maps: cells with numbers, a colour bar above, and where the colours saturate."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from labkit.figures.base.colour_bar import colour_bar
from labkit.figures.base.shades import Shades


def cells(
    z: np.ndarray,
    *,
    rows: list[str],
    columns: list[str],
    text: np.ndarray,
    hover: np.ndarray,
    limit: float,
    scale: list[tuple[float, str]],
    title: str,
    colours: Shades,
) -> go.Heatmap:
    """Return one heat map [rows, columns], symmetric around zero; Plotly shrinks the text until it fits its cell."""
    return go.Heatmap(
        z=z,
        x=columns,
        y=rows,
        zmin=-limit,
        zmid=0.0,
        zmax=limit,
        colorscale=scale,
        xgap=1,
        ygap=1,
        text=text,
        texttemplate="%{text}",
        textfont={"color": colours.ink},
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        colorbar=colour_bar(title),
    )


def saturation(values: np.ndarray) -> float:
    """Return the value of full colour: the 95th percentile of the absolute values, rounded up, at least 1, despite outliers."""
    known = np.abs(values[np.isfinite(values)])
    return float(max(1.0, np.ceil(np.percentile(known, 95)))) if len(known) else 1.0


def full_colour(values: np.ndarray, limit: float) -> str:
    """Return a note on where the colours saturate, if some value lies beyond."""
    beyond = bool(np.nanmax(np.abs(values), initial=0.0) > limit)
    return f"full colour from ±{limit:g}" if beyond else ""
