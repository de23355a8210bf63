"""Figures draw the numbers they are given, on one template that colour-blind readers can use."""

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


def test_axis_says_its_unit():
    assert figures.intervals(FRAME, label="accuracy", unit="%").layout.xaxis.title.text == "accuracy (%)"


def test_bad_frames_are_refused():
    with pytest.raises(ValueError, match="high missing"):
        figures.intervals(FRAME.drop(columns="high"), label="x")
    with pytest.raises(ValueError, match="'a' does not hold"):
        figures.intervals(FRAME.assign(low=95.0), label="x")
    with pytest.raises(ValueError, match="'light' or 'dark'"):
        figures.template("blue")


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("theme", "paper"), [("light", "#FFFFFF"), ("dark", "#0E1117")])
def test_text_contrast_meets_wcag_aa(theme, paper):
    ink = figures.template(theme).layout.font.color
    brighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5
