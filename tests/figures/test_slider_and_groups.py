"""slider_curve marks the nearest measured row; group_rates draws every group of one column."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

CURVE = pd.DataFrame({"accuracy": [0.9, 0.8, np.nan, 0.3]}, index=[0.0, 0.5, 0.7, 0.9]).assign(
    accuracy_low=lambda f: f["accuracy"] - 0.01, accuracy_high=lambda f: f["accuracy"] + 0.01
)
GROUPS = pd.DataFrame(
    {
        "n": [100, 50, 7],
        "n_pos": [10, 20, 0],
        "n_neg": [90, 30, 7],
        "accuracy_score": [0.9, 0.7, 1.0],
        "true_positive_rate": [0.5, 0.75, np.nan],
    },
    index=pd.MultiIndex.from_tuples([("sex", "F"), ("sex", "M"), ("race", "X")], names=["group column", "group"]),
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


def test_slider_curve_refuses_other_frames():
    with pytest.raises(ValueError, match="index of numbers"):
        curve(CURVE.set_axis(list("abcd")))
    with pytest.raises(ValueError, match="index of numbers"):
        curve(CURVE.iloc[:0])
    with pytest.raises(ValueError, match="accuracy_low, accuracy_high missing"):
        curve(CURVE[["accuracy"]])


def test_a_trace_a_group_in_percent_with_its_size():
    _, female, male = figures.group_rates(GROUPS, "sex").data
    assert [female.name, male.name] == ["F (100)", "M (50)"]
    assert list(female.y) == ["accuracy", "true positives"]
    np.testing.assert_allclose(female.x, [90, 50])
    np.testing.assert_allclose(male.x, [70, 75])
    assert female.marker.symbol != male.marker.symbol
    assert male.hovertext[1] == "<b>M</b>, true positives: 75.0%<br>of 20 positive examples"


def test_the_gap_reaches_from_the_lowest_to_the_highest_group():
    gaps = figures.group_rates(GROUPS, "sex").data[0]
    np.testing.assert_allclose(gaps.x, [70, 90, np.nan, 50, 75, np.nan])


def test_an_undefined_rate_is_left_out():
    np.testing.assert_allclose(figures.group_rates(GROUPS, "race").data[1].x, [100, np.nan])


def test_group_rates_refuses_other_tables():
    with pytest.raises(ValueError, match="'age'; the table has sex, race"):
        figures.group_rates(GROUPS, "age")
    with pytest.raises(ValueError, match="no rate"):
        figures.group_rates(GROUPS[["n"]], "sex")
    with pytest.raises(ValueError, match=r"\(group column, group\)"):
        figures.group_rates(GROUPS.loc["sex"], "sex")
