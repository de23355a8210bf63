"""Figures: pandas in, Plotly out, one template. Imports no other room.

Every figure is a function ``f(table, *, ..., theme="light")`` with defaults for all but the table, so that a table can be drawn by
the name of its figure: ``getattr(figures, name)(table, theme=theme)``.
"""

from labkit.figures.base.formula_check import formula_check
from labkit.figures.base.intervals import intervals
from labkit.figures.base.lines import lines
from labkit.figures.base.panels import panels
from labkit.figures.base.redraw import redraw
from labkit.figures.base.stacked_bars import stacked_bars
from labkit.figures.base.template import COLOURS, Theme, template
from labkit.figures.classes.class_accuracy import class_accuracy
from labkit.figures.classes.class_change import class_change
from labkit.figures.classes.class_change_heatmap import class_change_heatmap
from labkit.figures.classes.confusion_change import confusion_change
from labkit.figures.classes.group_changes import group_changes
from labkit.figures.classes.group_rates import group_rates
from labkit.figures.layers.condensed_layer import condensed_layer
from labkit.figures.layers.factor_tiles import factor_tiles
from labkit.figures.layers.input_images import input_density, neuron_mosaic
from labkit.figures.layers.layer_densities import layer_densities
from labkit.figures.layers.layer_history import layer_history
from labkit.figures.layers.layer_states import layer_states
from labkit.figures.layers.mask_film import mask_film
from labkit.figures.layers.shared_bases import shared_bases
from labkit.figures.layers.spectra import spectra
from labkit.figures.layers.update_steps import update_steps
from labkit.figures.tradeoffs.budget_quality import budget_quality
from labkit.figures.tradeoffs.pareto import pareto
from labkit.figures.tradeoffs.pareto_front import pareto_front
from labkit.figures.tradeoffs.slider_curve import slider_curve
from labkit.figures.tradeoffs.speed import end_to_end_speed, kernel_speed
from labkit.figures.tradeoffs.tried_settings import tried_settings
from labkit.figures.training.flops_accuracy import flops_accuracy
from labkit.figures.training.parameter_accuracy import parameter_accuracy
from labkit.figures.training.rule_contrasts import rule_contrasts
from labkit.figures.training.rules import in_order, rule_title
from labkit.figures.training.sparsity_accuracy import sparsity_accuracy
from labkit.figures.training.training_curves import training_curves
from labkit.figures.training.training_progress import training_progress

__all__ = [
    "COLOURS",
    "Theme",
    "budget_quality",
    "class_accuracy",
    "class_change",
    "class_change_heatmap",
    "condensed_layer",
    "confusion_change",
    "end_to_end_speed",
    "factor_tiles",
    "flops_accuracy",
    "formula_check",
    "group_changes",
    "group_rates",
    "in_order",
    "input_density",
    "intervals",
    "kernel_speed",
    "layer_densities",
    "layer_history",
    "layer_states",
    "lines",
    "mask_film",
    "neuron_mosaic",
    "panels",
    "parameter_accuracy",
    "pareto",
    "pareto_front",
    "redraw",
    "rule_contrasts",
    "rule_title",
    "shared_bases",
    "slider_curve",
    "sparsity_accuracy",
    "spectra",
    "stacked_bars",
    "template",
    "training_curves",
    "training_progress",
    "tried_settings",
    "update_steps",
]
