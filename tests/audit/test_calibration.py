"""Calibration against closed forms and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from labkit.audit.reliability import brier_score, expected_calibration_error, reliability


def ece(probabilities, labels, bins=15):
    return expected_calibration_error(reliability(probabilities, labels, bins))


@given(st.floats(0.51, 1.0), st.lists(st.integers(0, 1), min_size=1, max_size=50))
def test_a_constant_confidence_is_off_by_its_distance_to_the_rate(confidence, labels):
    labels = np.array(labels)
    probabilities = np.tile([1 - confidence, confidence], (len(labels), 1))
    assert ece(probabilities, labels) == pytest.approx(abs(confidence - labels.mean()))


def test_certain_and_right_is_perfect():
    labels = np.array([0, 1, 2, 1])
    assert ece(np.eye(3)[labels], labels) == 0
    assert brier_score(np.eye(3)[labels], labels) == 0
    assert brier_score(np.eye(3)[(labels + 1) % 3], labels) == 2


def test_labels_drawn_from_the_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 40_000)
    labels = (rng.random((40_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    assert ece(probabilities, labels) < 0.01
    assert ece(probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True), labels) > 0.1


def test_bins_are_open_below_and_closed_above():
    table = reliability(np.array([[0.5, 0.5], [0.49, 0.51], [0.0, 1.0]]), np.array([0, 1, 1]), bins=2)
    assert table["examples"].tolist() == [1, 2]
    assert table["confidence"].tolist() == pytest.approx([0.5, 0.755])
    assert reliability(np.array([[1.0, 0.0]]), np.array([0]), bins=4)["accuracy"].isna().tolist() == [True, True, True, False]


def test_bins_are_those_of_sklearn():
    rng = np.random.default_rng(1)
    p = rng.uniform(0.5, 1, 3000)
    labels = (rng.random(3000) < p**2).astype(int)
    table = reliability(np.stack([1 - p, p], axis=1), labels).dropna()
    accuracy, confidence = calibration_curve(labels, p, n_bins=15)
    assert table["accuracy"].to_numpy() == pytest.approx(accuracy)
    assert table["confidence"].to_numpy() == pytest.approx(confidence)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_brier_is_that_of_sklearn(classes):
    rng = np.random.default_rng(classes)
    probabilities, labels = rng.dirichlet(np.ones(classes), 200), rng.integers(0, classes, 200)
    expected = brier_score_loss(labels, probabilities, labels=np.arange(classes), scale_by_half=False)
    assert brier_score(probabilities, labels) == pytest.approx(expected)
    if classes == 2:
        assert brier_score(probabilities, labels) == pytest.approx(2 * brier_score_loss(labels, probabilities[:, 1]))
