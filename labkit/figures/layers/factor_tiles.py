"""Matrices and the factors that replace them, to scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, corner_title, template

GAP = 20  # units between two matrices
BELOW = 70  # units between weights and factors


@shows_names
def factor_tiles(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    basis: np.ndarray | None = None,
    title: str = "",
    every: int = 4,
    theme: Theme = "light",
) -> go.Figure:
    """Draw matrices W side by side and, below them, their shared basis U and factors V, with W ≈ U V.

    Parameters
    ----------
    pairs : mapping of str to (ndarray [d, p], ndarray [r, p])
        Name of each matrix -> the matrix and its factor.
    basis : ndarray [d, r], optional
        Left of the factors.
    title : str
    every : int
        Only each of so many columns of the matrices and factors is drawn, at its full width.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One heat map for each array, the basis first; below zero is violet, above zero green.

    Raises
    ------
    ValueError
        Without a matrix.
    """
    if not pairs:
        raise ValueError("factor_tiles needs at least one matrix with its factor")
    (width, hidden), rank = next(iter(pairs.values()))[0].shape, next(iter(pairs.values()))[1].shape[0]
    below, figure = width + BELOW, go.Figure()
    if basis is not None:
        figure.add_trace(_tile(basis, -rank - 2 * GAP, below, 1, "U", theme))
        _label(figure, -rank - 2 * GAP, below, "<b>U</b>")
    for turn, (name, (weight, factor)) in enumerate(pairs.items()):
        left = turn * (hidden + GAP)
        figure.add_trace(_tile(weight[:, ::every], left, 0, every, name, theme))
        figure.add_trace(_tile(factor[:, ::every], left, below, every, f"V{turn + 1}", theme))
        _label(figure, left, 0, f"<b>W<sub>{turn + 1}</sub></b> {name}")
        _label(figure, left, below, f"<b>V<sub>{turn + 1}</sub></b>")
    axis = {"visible": False, "fixedrange": True}
    return figure.update_layout(
        template=template(theme),
        height=430,
        title=corner_title(title, 8),
        xaxis={**axis, "range": [-2 * width - 4, len(pairs) * (hidden + GAP)]},
        yaxis={**axis, "range": [below + 1.6 * width, -60]},
    )


def _tile(matrix: np.ndarray, left: float, top: float, across: float, name: str, theme: Theme) -> go.Heatmap:
    """Return a heat map that begins at (left, top), `across` units per column; colours saturate at two standard deviations."""
    nonzero = matrix[matrix != 0]
    limit = 2 * float(nonzero.std()) if len(nonzero) else 1.0
    violet, green = template(theme).layout.colorway[:2]
    scale = [violet, "#FFFFFF" if theme == "light" else "#14181F", green]
    z = matrix.astype(np.float16).astype(np.float32)  # fewer digits to send
    look = {"colorscale": scale, "zmin": -limit, "zmax": limit, "showscale": False, "hoverinfo": "name"}
    return go.Heatmap(z=z, x0=left + across / 2, dx=across, y0=top + 0.5, dy=1, name=name, **look)


def _label(figure: go.Figure, left: float, top: float, text: str) -> None:
    place = {"x": left, "y": top - 6, "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    figure.add_annotation(text=text, font_size=12, **place)
