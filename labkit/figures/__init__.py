"""Figures: pandas in, plotly out, one template. Imports no other room."""

from labkit.figures.class_accuracy import class_accuracy
from labkit.figures.class_change import class_change
from labkit.figures.class_change_heatmap import class_change_heatmap
from labkit.figures.confusion_change import confusion_change
from labkit.figures.group_rates import group_rates
from labkit.figures.intervals import intervals
from labkit.figures.pareto import pareto
from labkit.figures.pareto_front import pareto_front
from labkit.figures.redraw import redraw
from labkit.figures.slider_curve import slider_curve
from labkit.figures.speed import end_to_end_speed, kernel_speed
from labkit.figures.template import COLOURS, Theme, template

__all__ = [
    "COLOURS",
    "Theme",
    "class_accuracy",
    "class_change",
    "class_change_heatmap",
    "confusion_change",
    "end_to_end_speed",
    "group_rates",
    "intervals",
    "kernel_speed",
    "pareto",
    "pareto_front",
    "redraw",
    "slider_curve",
    "template",
]
