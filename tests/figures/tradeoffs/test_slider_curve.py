"""`slider_curve` marks the nearest measured row."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

CURVE = pd.DataFrame({"accuracy": [0.9, 0.8, np.nan, 0.3]}, index=[0.0, 0.5, 0.7, 0.9]).assign(
    accuracy_low=lambda f: f["accuracy"] - 0.01, accuracy_high=lambda f: f["accuracy"] + 0.01
)


def curve(frame=CURVE, value=0.5):
    return figures.slider_curve(frame, value=value, x_label="sparsity")


@pytest.mark.parametrize(("value", "where", "accuracy"), [(0.5, 0.5, 80), (0.1, 0.0, 90), (0.66, 0.5, 80), (5, 0.9, 30)])
def test_the_marker_and_its_line_stand_at_the_nearest_measured_row(value, where, accuracy):
    figure = curve(value=value)
    assert list(figure.data[4].x) == [where]
    np.testing.assert_allclose(figure.data[4].y, accuracy)
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == where


def test_curve_and_band_are_percent():
    low, high, _, accuracy, _ = curve(CURVE.iloc[::-1]).data
    np.testing.assert_allclose(accuracy.x, [0, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(accuracy.y, [90, 80, np.nan, 30])
    np.testing.assert_allclose(low.y, [89, 79, np.nan, 29])
    np.testing.assert_allclose(high.y, [91, 81, np.nan, 31])


def test_traces_and_shapes_are_always_the_same():
    structures = {
        (tuple((t.type, t.mode, t.fill) for t in figure.data), len(figure.layout.shapes), figure.layout.uirevision)
        for figure in (
            curve(),
            curve(CURVE.assign(reference_accuracy=0.95)),
            curve(CURVE * np.nan),
            curve(CURVE.iloc[:1], value=3),
        )
    }
    assert len(structures) == 1


def test_reference_is_drawn_when_given():
    np.testing.assert_allclose(curve(CURVE.assign(reference_accuracy=0.95)).data[2].y, 95)
    assert np.isnan(curve().data[2].y).all()


def test_without_a_value_the_first_is_marked_and_the_index_names_the_axis():
    figure = figures.slider_curve(CURVE.rename_axis("sparsity"))
    assert list(figure.data[4].x) == [0]
    assert figure.layout.xaxis.title.text == "sparsity"


def test_slider_curve_refuses_other_frames():
    with pytest.raises(ValueError, match="index of numbers"):
        curve(CURVE.set_axis(list("abcd")))
    with pytest.raises(ValueError, match="index of numbers"):
        curve(CURVE.iloc[:0])
    with pytest.raises(ValueError, match="accuracy_low, accuracy_high missing"):
        curve(CURVE[["accuracy"]])
