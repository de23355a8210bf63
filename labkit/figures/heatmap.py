"""What the heat maps share: cells that carry their number, a colour bar on top that says where colour ends."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from labkit.figures.colour_bar import colour_bar
from labkit.figures.shades import Shades


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
    """One heat map [rows, columns], symmetric around zero; plotly shrinks the text until it fits its cell."""
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
    """Where colour ends: the 95th percentile of |values|, rounded up, at least 1: one outlier must not bleach the rest."""
    known = np.abs(values[np.isfinite(values)])
    return float(max(1.0, np.ceil(np.percentile(known, 95)))) if len(known) else 1.0


def full_colour(values: np.ndarray, limit: float) -> str:
    """Say where colour ends, if some value lies beyond."""
    beyond = bool(np.nanmax(np.abs(values), initial=0.0) > limit)
    return f"full colour from ±{limit:g}" if beyond else ""
