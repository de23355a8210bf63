"""Every figure can be drawn by its name from a table alone, in either theme."""

import inspect

import numpy as np
import pandas as pd
import pytest

from labkit import figures

NO_FIGURES = {"COLOURS", "Theme", "in_order", "pareto_front", "redraw", "rule_title", "template"}
NAMES = [name for name in figures.__all__ if name not in NO_FIGURES]

ACCURACY = pd.DataFrame({"accuracy": [0.9, 0.8], "accuracy_low": [0.89, 0.7], "accuracy_high": [0.95, 0.85]}, index=[0.1, 0.2])
MEANS = pd.DataFrame({"mean": [0.9, 0.8], "low": [0.8, 0.7], "high": [0.95, 0.9]})
LAYERS = pd.DataFrame({"step": [0, 10], "layer": ["a", "a"], "fan_in": [4.0, 5.0]})
TABLES = {
    "class_accuracy": ACCURACY,
    "class_change_heatmap": pd.DataFrame({"cat": [0.1, -0.2]}, index=["run", "other"]),
    "confusion_change": pd.DataFrame([[1, -1], [0, 2]], index=["a", "b"], columns=["a", "b"]),
    "group_rates": pd.DataFrame({"accuracy_score": [0.5, 0.7]}, index=pd.MultiIndex.from_tuples([("sex", "F"), ("sex", "M")])),
    "group_changes": ACCURACY[["accuracy"]]
    .assign(examples=5, reference_accuracy=0.9, change_low=-0.1, change_high=0.1)
    .set_axis(pd.MultiIndex.from_tuples([("sex", "F"), ("sex", "M")])),
    "intervals": pd.DataFrame({"value": [1.0], "low": [0.5], "high": [2.0]}, index=["a"]),
    "layer_history": LAYERS,
    "layer_states": LAYERS,
    "mask_film": [(0, np.eye(4, dtype=bool)), (1, ~np.eye(4, dtype=bool))],
    "pareto": ACCURACY.assign(bytes=[10, 20], label="x", series="y"),
    "parameter_accuracy": MEANS.assign(alpha=[0.1, 0.2]),
    "slider_curve": ACCURACY,
    "sparsity_accuracy": MEANS.assign(rule="rigl", sparsity=[0.5, 0.9]),
    "flops_accuracy": MEANS.assign(rule="rigl", sparsity=[0.5, 0.9], share=[0.6, 0.2]),
    "training_curves": pd.DataFrame({"rule": ["rigl"], "step": [1], "validation_accuracy": [0.5]}),
    "shared_bases": pd.DataFrame(
        [("a", "a.up", 0, 8, 3, 32, 24, 96, 108, 1024)],
        columns=["block", "layer", "group", "width", "rank", "hidden", "nonzeros", "base_bytes", "factor_bytes", "dense_bytes"],
    ),
    "spectra": pd.DataFrame({"W": [4.0, 3.0]}),
    "lines": ACCURACY,
    "panels": ACCURACY,
    "stacked_bars": ACCURACY,
    "condensed_layer": {"weights": np.ones((2, 3)), "index": np.zeros((2, 3), int)},
    "formula_check": pd.DataFrame({"series": "a", "x": [1, 2], "formula": [1.0, 2.0], "measured": 1.5, "error": 0.1}),
    "input_density": np.eye(4, dtype=bool),
    "neuron_mosaic": np.eye(4, dtype=bool),
    "layer_densities": pd.DataFrame({"distribution": "uniform", "layer": ["a"], "density": 0.5, "fan_in": 4.0, "macs": 10}),
    "update_steps": {
        **{name: np.ones((2, 3)) for name in ("weight", "gradient")},
        **{name: np.ones((2, 3), bool) for name in ("mask", "by_weight", "by_gradient", "kept", "grown")},
        "active": np.array([True, False]),
    },
    "factor_tiles": {"W": (np.ones((2, 4)), np.ones((1, 4)))},
    "training_progress": pd.DataFrame({"step": [0, 10], "layer": "fc", "active": [4, 2], "outputs": 4}),
    "rule_contrasts": MEANS.assign(sparsity=0.9, other=["rigl", "dense"]),
    "tried_settings": pd.DataFrame({"x": [1.0], "accuracy": 0.8, "series": "a", "label": "b"}),
    "budget_quality": MEANS.assign(method="low rank", family="low rank", kind="", budget=[0.1, 0.2]),
    "kernel_speed": pd.DataFrame({"batch": 1, "what": ["dense", "ours"], "median_us": 2.0, "low_us": 1.0, "high_us": 3.0}),
    "end_to_end_speed": pd.DataFrame(
        {
            "model": "m",
            "batch": 1,
            "what": ["dense", "ours"],
            "median_ms": 2.0,
            "low_ms": 1.0,
            "high_ms": 3.0,
            "ratio_to_dense": 1.0,
        }
    ),
}


@pytest.fixture(scope="module")
def tables():
    change = {"change": -0.1, "change_low": -0.2, "change_high": 0.0, "affected": True, "q": 0.01, "reference_accuracy": 0.9}
    return {**TABLES, "class_change": pd.DataFrame({**change, "accuracy": [0.8]}, index=["cat"])}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_drawn_by_the_name_of_its_figure(name, theme, tables):
    drawn = getattr(figures, name)(tables[name], theme=theme)
    assert len(drawn.data)
    assert drawn.layout.template == figures.template(theme)


@pytest.mark.parametrize("name", NAMES)
def test_all_but_the_table_has_a_default_and_the_docstring_its_sections(name):
    draw = getattr(figures, name)
    first, *others = inspect.signature(draw).parameters.values()
    assert first.default is inspect.Parameter.empty
    assert all(other.default is not inspect.Parameter.empty for other in others)
    assert inspect.signature(draw).parameters["theme"].default == "light"
    text = inspect.getdoc(draw)
    for section in ("Parameters", "Returns"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text
    for parameter in inspect.signature(draw).parameters:
        assert f"\n{parameter} :" in text or f"\n{parameter}, " in text or f", {parameter} :" in text
