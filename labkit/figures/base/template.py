"""The Plotly template of all figures: light and dark, with colours that colour-blind readers can distinguish."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go

# Okabe & Ito (2008) without yellow and black, which are hard to see on white and on dark paper
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
# on dark paper the dark blue has too little contrast for the first place
DARK_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#0072B2")
Theme = Literal["light", "dark"]


def template(theme: Theme = "light") -> go.layout.Template:
    """Return the template for a light or dark page, with a transparent background.

    Parameters
    ----------
    theme : {"light", "dark"}

    Returns
    -------
    Template

    Raises
    ------
    ValueError
        For another theme.
    """
    if theme not in ("light", "dark"):
        raise ValueError(f"theme must be 'light' or 'dark', got {theme!r}")
    ink, grid, card = ("#222222", "#DDDDDD", "#FFFFFF") if theme == "light" else ("#EEEEEE", "#444444", "#20242C")
    axis = {
        "gridcolor": grid,
        "zeroline": False,
        "linecolor": grid,
        "automargin": True,
        "title": {"standoff": 18, "font": {"size": 14}},
    }
    return go.layout.Template(
        layout={
            "colorway": COLOURS if theme == "light" else DARK_COLOURS,
            "font": {"family": "system-ui, sans-serif", "size": 14, "color": ink},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 8, "r": 8, "t": 36, "b": 8},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
            # by default Plotly writes on the colour of the trace, and white on orange is hard to read
            "hoverlabel": {"bgcolor": card, "align": "left", "font": {"family": "system-ui, sans-serif", "color": ink}},
        }
    )


def corner_title(text: str, above: float) -> dict[str, Any]:
    """Return a title at the left edge of the plot, `above` pixels below the upper edge of the figure."""
    place = {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": above}}
    return {"text": text, "font": {"size": 14}, **place}
