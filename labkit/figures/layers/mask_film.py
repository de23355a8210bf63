"""Animation of the mask of one layer during training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, corner_title, template
from labkit.figures.layers.mask_picture import WORDS, Cell, cell_colours, cells, picture

LIGHT = 600_000  # characters of all pictures together
TALLEST, SMALLEST = 640, 260  # pixels of the picture
PAUSE = 350  # milliseconds per frame
ABOVE, BELOW = 104, 60  # pixels for title and legend, and for the axis
CONTROLS = 104  # pixels for button and slider


@dataclass(frozen=True)
class _Frame:
    step: int
    source: str
    words: str


@shows_names
def mask_film(frames: Iterable[tuple[int, np.ndarray]], *, theme: Theme = "light") -> go.Figure:
    """Draw the mask of a layer as a picture, one pixel per weight, with a button that plays the training and a slider over steps.

    The longer side of the mask is vertical. Colours show what changed since the previous frame: a connection was kept, is new or
    was removed; a neuron without connections is empty, a line in a colour of its own.

    Parameters
    ----------
    frames : iterable of (step, mask)
        Masks bool [outputs, inputs], all of one shape, as `labkit.sparsify.frames` yields them from the table ``masks``.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When there is no frame, or masks differ in shape.

    Notes
    -----
    While the pictures together are larger than 600 kB, every other one is left out; the last one is kept. One frame alone has
    neither button nor slider.
    """
    masks = list(frames)
    if not masks:
        raise ValueError("mask_film needs at least one frame, got none; give labkit.sparsify.frames of the table masks")
    shapes = {mask.shape for _, mask in masks}
    if len(shapes) > 1 or len(masks[0][1].shape) != 2:
        raise ValueError(f"mask_film needs masks [outputs, inputs] of one shape, got {', '.join(map(str, sorted(shapes)))}")
    outputs, inputs = masks[0][1].shape
    upright = inputs > outputs
    shown = _light_enough(masks, upright, theme)
    across, down = (outputs, inputs) if upright else (inputs, outputs)
    x, y = ("neuron", "input") if upright else ("input", "neuron")
    hover = f"{x} %{{x}}, {y} %{{y}}<extra></extra>"
    colours = cell_colours(theme)
    legend = [
        go.Scatter(
            x=[None], y=[None], mode="markers", name=WORDS[kind], marker={"symbol": "square", "size": 11, "color": colours[kind]}
        )
        for kind in WORDS
    ]
    figure = go.Figure(
        data=[go.Image(source=shown[0].source, hovertemplate=hover), *legend],
        frames=[
            go.Frame(
                name=str(frame.step),
                data=[go.Image(source=frame.source, hovertemplate=hover)],
                traces=[0],
                layout={"title": {"text": frame.words}},
            )
            for frame in shown
        ],
    )
    film = len(shown) > 1
    figure.update_layout(
        template=template(theme),
        height=int(np.clip(down, SMALLEST, TALLEST)) + ABOVE + BELOW + (CONTROLS if film else 0),
        margin={"t": ABOVE},
        title=corner_title(shown[0].words, 22),
        legend={"itemclick": False, "itemdoubleclick": False, "font": {"size": 12}},
        xaxis={"title": {"text": f"{x}s"}, "range": [-0.5, across - 0.5], "showgrid": False, "constrain": "range"},
        yaxis={"title": {"text": f"{y}s"}, "range": [down - 0.5, -0.5], "showgrid": False, "scaleanchor": False},
        **(_controls(shown, theme) if film else {}),
    )
    return figure


def _light_enough(masks: list[tuple[int, np.ndarray]], upright: bool, theme: Theme) -> list[_Frame]:
    """Return frames of all masks, or of as many as are not too large."""
    while True:
        drawn = []
        for place, (step, mask) in enumerate(masks):
            found = cells(mask, masks[max(0, place - 1)][1])
            source = picture(found.T.copy() if upright else found, theme)
            drawn.append(_Frame(int(step), source, _words(int(step), mask, found, place)))
        if sum(len(frame.source) for frame in drawn) <= LIGHT or len(masks) <= 2:
            return drawn
        masks = [*masks[:-1:2], masks[-1]]


def _words(step: int, mask: np.ndarray, found: np.ndarray, place: int) -> str:
    """Return the title of a frame."""
    counts = np.bincount(found.ravel(), minlength=len(Cell))
    changes = f": {counts[Cell.NEW]:,} new, {counts[Cell.GONE]:,} removed" if place else ""
    having = f"{int(mask.any(axis=1).sum()):,} of {len(mask):,} neurons active"
    return f"<b>step {step:,}</b>{changes}<br>{int(mask.sum()):,} connections, {having}"


def _controls(shown: list[_Frame], theme: Theme) -> dict:
    """Return button and slider, below the picture."""
    colours = shades(theme)
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    play = {"fromcurrent": True, "frame": {"duration": PAUSE, "redraw": True}, "transition": {"duration": 0}}
    look = {"bgcolor": template(theme).layout.hoverlabel.bgcolor, "bordercolor": colours.quiet, "font": {"color": colours.ink}}
    buttons = {
        "type": "buttons",
        "direction": "right",
        "showactive": False,
        "x": 0,
        "y": 0,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": 64},
        "buttons": [
            {"label": "▶ Play", "method": "animate", "args": [None, play]},
            {"label": "❚❚ Stop", "method": "animate", "args": [[None], still]},
        ],
        **look,
    }
    slider = {
        "x": 0,
        "y": 0,
        "len": 1,
        "pad": {"t": 110},
        "currentvalue": {"visible": False},
        "steps": [{"label": f"{frame.step}", "method": "animate", "args": [[str(frame.step)], still]} for frame in shown],
        **look,
    }
    return {"updatemenus": [buttons], "sliders": [slider]}
