"""The bar above a heat map that says what its colours mean."""

from __future__ import annotations


def colour_bar(title: str) -> dict:
    """Return plotly's ``colorbar`` for a heat map, lying above it over its whole width."""
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
