"""The connections of a layer whose inputs are the pixels of an image."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template

NOTHING, EMPTY, CONNECTION = 0, 1, 2
FRAME = 2  # pixels around a tile


@shows_names
def input_density(mask: np.ndarray, *, shape: tuple[int, int] | None = None, theme: Theme = "light") -> go.Figure:
    """Draw the connections of all neurons to each pixel, as a multiple of an even distribution.

    Parameters
    ----------
    mask : bool ndarray [neurons, pixels]
        Of a layer without any connections, 0 everywhere is drawn.
    shape : (int, int), optional
        Height and width of the image; square by default.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One heat map.

    Raises
    ------
    ValueError
        When the pixels do not make an image of `shape`.
    """
    found = mask.sum(axis=0).reshape(_shape(mask, shape)).astype(float)
    look = {"zmin": 0, "zmax": 4, "colorscale": [[0, shades(theme).neutral], [1, template(theme).layout.colorway[0]]]}
    bar = {"orientation": "h", "y": -0.02, "yanchor": "top", "thickness": 10, "outlinewidth": 0, "ticksuffix": " ×"}
    heat = go.Heatmap(z=found / (found.mean() or 1.0), hovertemplate="%{z:.1f} ×<extra></extra>", colorbar=bar, **look)
    return _square(heat, "connections per pixel, relative to even", theme)


@shows_names
def neuron_mosaic(
    mask: np.ndarray, *, shape: tuple[int, int] | None = None, across: int = 8, down: int = 8, theme: Theme = "light"
) -> go.Figure:
    """Draw the connections of the first neurons, one tile per neuron; tiles of neurons without connections are shaded.

    Parameters
    ----------
    mask : bool ndarray [neurons, pixels]
    shape : (int, int), optional
        Height and width of the image; square by default.
    across, down : int
        Tiles in a row and in a column; fewer neurons leave tiles blank.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One heat map with 0 for nothing, 1 for a neuron without connections, 2 for a connection.

    Raises
    ------
    ValueError
        When the pixels do not make an image of `shape`.
    """
    height, width = _shape(mask, shape)
    some = np.full((across * down, height * width), NOTHING)
    first = np.where(mask, CONNECTION, NOTHING)[: across * down]
    first[~first.any(axis=1)] = EMPTY
    some[: len(first)] = first
    framed = np.pad(some.reshape(down, across, height, width), ((0, 0), (0, 0), (FRAME, FRAME), (FRAME, FRAME)))
    z = framed.transpose(0, 2, 1, 3).reshape(down * (height + 2 * FRAME), -1).astype(np.uint8)
    colours = shades(theme)
    paint = [[0, colours.neutral], [0.5, "#F0D5E4" if theme == "light" else "#4A2440"], [1, colours.ink]]
    look = {"zmin": NOTHING, "zmax": CONNECTION, "colorscale": paint, "showscale": False, "hoverinfo": "skip"}
    return _square(go.Heatmap(z=z, **look), "single neurons; shaded: ablated", theme)


def _shape(mask: np.ndarray, shape: tuple[int, int] | None) -> tuple[int, int]:
    side = round(mask.shape[1] ** 0.5)
    height, width = shape or (side, side)
    if height * width != mask.shape[1]:
        raise ValueError(f"a mask with {mask.shape[1]} inputs is no image of {height} by {width}; give shape=(height, width)")
    return height, width


def _square(heat: go.Heatmap, title: str, theme: Theme) -> go.Figure:
    axis = {"visible": False, "fixedrange": True}
    return go.Figure(heat).update_layout(
        template=template(theme),
        height=360,
        xaxis=axis,
        yaxis={**axis, "autorange": "reversed", "scaleanchor": "x"},
        title={"text": title, "font": {"size": 14}, "x": 0.5, "xanchor": "center"},
    )
