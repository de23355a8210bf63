"""`intervals` draws the values and ends of its table."""

import pandas as pd
import pytest

from labkit import figures

FRAME = pd.DataFrame({"value": [90.0, 50.0], "low": [89.0, 40.0], "high": [92.0, 70.0]}, index=["a", "b"])


def test_intervals_hold_value_and_both_arms():
    trace = figures.intervals(FRAME, label="accuracy").data[0]
    assert list(trace.x) == [90, 50]
    assert list(trace.y) == ["a", "b"]
    assert list(trace.error_x.array) == [2, 20]
    assert list(trace.error_x.arrayminus) == [1, 10]


def test_a_dot_tells_its_row_and_the_selected_one_has_a_ring():
    dots, ring = figures.intervals(FRAME, labels={"a": "first"}, selected="b").data
    assert [data[0] for data in dots.customdata] == ["a", "b"]
    assert (list(ring.x), list(ring.y)) == ([50], ["b"])
    assert len(figures.intervals(FRAME, selected="c").data) == 1


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ({"label": "accuracy"}, "accuracy (%)"),
        ({"label": "gap", "unit": "pp"}, "gap (pp)"),
        ({"label": "rho", "unit": ""}, "rho"),
        ({}, ""),
    ],
)
def test_the_axis_has_its_unit(given, title):
    assert (figures.intervals(FRAME, **given).layout.xaxis.title.text or "") == title


def test_bad_frames_are_refused():
    with pytest.raises(ValueError, match="high missing"):
        figures.intervals(FRAME.drop(columns="high"), label="x")
    with pytest.raises(ValueError, match="'a' does not contain"):
        figures.intervals(FRAME.assign(low=95.0), label="x")
