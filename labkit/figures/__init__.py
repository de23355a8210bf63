"""Figures: pandas in, plotly out, one template. Imports no other room."""

from labkit.figures.class_accuracy import class_accuracy
from labkit.figures.class_change import class_change
from labkit.figures.class_change_heatmap import class_change_heatmap
from labkit.figures.confusion_change import confusion_change
from labkit.figures.flops_accuracy import flops_accuracy
from labkit.figures.gamma_accuracy import gamma_accuracy
from labkit.figures.group_rates import group_rates
from labkit.figures.intervals import intervals
from labkit.figures.layer_history import layer_history
from labkit.figures.layer_states import layer_states
from labkit.figures.mask_film import mask_film
from labkit.figures.pareto import pareto
from labkit.figures.pareto_front import pareto_front
from labkit.figures.redraw import redraw
from labkit.figures.shared_bases import shared_bases
from labkit.figures.slider_curve import slider_curve
from labkit.figures.sparsity_accuracy import sparsity_accuracy
from labkit.figures.spectra import spectra
from labkit.figures.speed import end_to_end_speed, kernel_speed
from labkit.figures.template import COLOURS, Theme, template
from labkit.figures.topologies import in_order, topology_title
from labkit.figures.training_curves import training_curves

__all__ = [
    "COLOURS",
    "Theme",
    "class_accuracy",
    "class_change",
    "class_change_heatmap",
    "confusion_change",
    "end_to_end_speed",
    "flops_accuracy",
    "gamma_accuracy",
    "group_rates",
    "in_order",
    "intervals",
    "kernel_speed",
    "layer_history",
    "layer_states",
    "mask_film",
    "pareto",
    "pareto_front",
    "redraw",
    "shared_bases",
    "slider_curve",
    "sparsity_accuracy",
    "spectra",
    "template",
    "topology_title",
    "training_curves",
]
