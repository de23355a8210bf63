"""The Plotly template of all figures: light and dark, with colours that colour-blind readers can distinguish."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go

# Of series such as methods, networks, rules and groups of people, on white and on dark paper. Orange, blue and grey are not among
# them: in every figure they mean worse, better and unknown (see `shades`). Without them hues alone do not suffice for colour-blind
# readers, so that the colours also differ in lightness.
COLOURS = ("#4A1A75", "#00A06E", "#C0307F", "#7D8A12", "#A974E4", "#0A4437")
DARK_COLOURS = ("#A879F0", "#34C08B", "#F59AD0", "#F2E85A", "#D0308A", "#6F8A2A")
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
