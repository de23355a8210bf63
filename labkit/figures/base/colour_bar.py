"""The colour bar of the heat maps."""

from __future__ import annotations


def colour_bar(title: str) -> dict:
    """Return Plotly's ``colorbar`` of a heat map: horizontal, above it, over its whole width.

    Parameters
    ----------
    title : str
        What the colours show, with its unit.

    Returns
    -------
    dict
    """
    return {
        "orientation": "h",
        "thickness": 10,
        "len": 1.0,
        "x": 0.5,
        "xanchor": "center",
        "y": 1.0,
        "yanchor": "bottom",
        "ypad": 4,
        "outlinewidth": 0,
        "title": {"text": title, "side": "top", "font": {"size": 13}},
        "tickfont": {"size": 11},
    }
