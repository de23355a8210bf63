"""The progress of a training and the contrasts of rules."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

LAYERS = pd.DataFrame({"step": [0, 0, 20, 20], "layer": ["fc1", "fc2"] * 2, "active": [8, 4, 6, 1], "outputs": [8, 4] * 2})


def test_active_neurons_are_shares_and_earlier_trainings_one_trace():
    earlier = (pd.Series({0: 0.5, 20: 0.6}), pd.Series({0: 0.4}))
    figure = figures.training_progress(LAYERS, accuracy=pd.Series({0: 0.7, 20: 0.9}), earlier=earlier, steps=100)
    one, two, before, now = figure.data
    np.testing.assert_allclose(one.y, [100, 75])
    np.testing.assert_allclose(two.y, [100, 25])
    np.testing.assert_allclose(before.y, [50, 60, np.nan, 40, np.nan])
    np.testing.assert_allclose(now.y, [70, 90])
    assert figure.layout.xaxis.range == (0, 100)
    assert len(figures.training_progress(LAYERS[:2]).data) == len(figure.data)


def test_contrasts_are_points_without_single_pairs():
    found = pd.DataFrame(
        {"sparsity": [0.9, 0.9], "other": ["rigl", "dense"], "mean": [0.01, 0.0], "low": [0.0, -np.inf], "high": [0.02, np.inf]}
    )
    (trace,) = figures.rule_contrasts(found).data
    assert list(trace.y) == ["90 %: SRigL − RigL"]
    np.testing.assert_allclose(trace.x, [1])
    with pytest.raises(ValueError, match="other missing"):
        figures.rule_contrasts(found.drop(columns="other"))
