"""Figures: pandas in, plotly out, one template. Imports no other room."""

from labkit.figures.intervals import intervals
from labkit.figures.template import COLOURS, Theme, template

__all__ = ["COLOURS", "Theme", "intervals", "template"]
