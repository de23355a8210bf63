"""Heat maps: blue helps, orange harms, numbers in the cells."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

CHANGE = pd.DataFrame({"cat": [-0.123, 0.004], "dog": [0.02, np.nan]}, index=["run one", "run two"])
AFFECTED = pd.DataFrame({"cat": [True, False], "dog": [False, False]}, index=CHANGE.index)
CLASSES = ["a", "b", "c"]
COUNTS = pd.DataFrame([[-5, 4, 1], [0, 2, -2], [0, 0, 0]], index=CLASSES, columns=CLASSES)


def red_minus_blue(colour):
    return int(colour[1:3], 16) - int(colour[5:7], 16)


def test_cells_are_points_and_affected_cells_end_in_a_star():
    trace = figures.class_change_heatmap(CHANGE, AFFECTED).data[0]
    np.testing.assert_allclose(trace.z, [[-12.3, 2.0], [0.4, np.nan]])
    assert trace.text.tolist() == [["−12*", "+2.0"], ["+0.4", ""]]
    assert "cat: −12.3 pp, significant" in trace.hovertext[0][0]
    assert "dog: not measured" in trace.hovertext[1][1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_scale_is_symmetric_with_orange_below_and_blue_above(theme):
    trace = figures.class_change_heatmap(CHANGE, theme=theme).data[0]
    assert trace.zmin == -trace.zmax
    assert red_minus_blue(trace.colorscale[0][1]) > 60
    assert red_minus_blue(trace.colorscale[-1][1]) < -60
    assert abs(red_minus_blue(trace.colorscale[1][1])) < 20
    harm = figures.confusion_change(COUNTS, theme=theme).data[0]
    assert [colour for _, colour in harm.colorscale] == [colour for _, colour in trace.colorscale][::-1]


def test_a_click_on_a_cell_tells_the_run_and_the_class():
    figure = figures.class_change_heatmap(CHANGE, AFFECTED, labels={"run one": "first"}, selected="run two")
    handles = figure.data[-1]
    cells = [(x, y, tuple(data)) for x, y, data in zip(handles.x, handles.y, handles.customdata, strict=True)]
    assert cells == [(name, run, (run, name)) for run in CHANGE.index for name in CHANGE.columns]
    assert list(figure.layout.yaxis.ticktext) == ["first", "run two"]
    (frame,) = figure.layout.shapes
    assert (frame.y0, frame.y1) == (0.5, 1.5)  # around the second row
    assert "<b>first</b>" in handles.hovertext[0]


def test_what_cannot_be_told_is_grey_whatever_the_estimate():
    verdicts = pd.DataFrame({"cat": ["cannot tell", "unharmed"], "dog": ["harmed", "cannot tell"]}, index=CHANGE.index)
    _, grey, _ = figures.class_change_heatmap(CHANGE, AFFECTED, verdicts=verdicts).data
    np.testing.assert_array_equal(np.isfinite(np.asarray(grey.z, float)), [[True, False], [False, True]])
    assert all(abs(red_minus_blue(colour)) < 20 for _, colour in grey.colorscale)
    with pytest.raises(ValueError, match="verdicts must have the index"):
        figures.class_change_heatmap(CHANGE, verdicts=verdicts.iloc[::-1])


def test_one_outlier_neither_bleaches_the_rest_nor_goes_unsaid():
    change = pd.DataFrame(np.full((10, 10), 0.03))
    change.iloc[0, 0] = -0.9
    trace = figures.class_change_heatmap(change).data[0]
    assert trace.zmax == 3
    assert "full colour from ±3" in trace.colorbar.title.text
    assert trace.text[0][0] == "−90"
    assert "full colour" not in figures.class_change_heatmap(change.iloc[1:]).data[0].colorbar.title.text


def test_many_classes_leave_the_text_to_the_hover():
    trace = figures.class_change_heatmap(pd.DataFrame(np.full((2, 40), 0.1))).data[0]
    assert set(np.ravel(trace.text)) == {""}
    assert "+10.0 pp" in trace.hovertext[0][0]


def test_height_grows_by_the_row():
    heights = [figures.class_change_heatmap(pd.DataFrame(np.zeros((rows, 3)))).layout.height for rows in (1, 2, 20)]
    assert heights[2] - heights[1] == 18 * (heights[1] - heights[0]) > 0


def test_confusion_colours_by_harm_and_writes_counts():
    trace = figures.confusion_change(COUNTS).data[0]
    np.testing.assert_array_equal(trace.z, [[5, 4, 1], [0, -2, -2], [0, 0, 0]])
    assert trace.text.tolist() == [["−5", "+4", "+1"], ["", "+2", "−2"], ["", "", ""]]
    assert trace.hovertext[0][1] == "<b>a</b> taken for <b>b</b>:<br>4 more than before"
    assert trace.hovertext[0][0] == "<b>a</b> recognised:<br>5 fewer than before"
    assert trace.hovertext[2][2].endswith("as many as before")


def test_confusion_without_a_change_still_has_its_trace():
    figure = figures.confusion_change(COUNTS * 0)
    assert [trace.type for trace in figure.data] == ["heatmap"]
    assert figure.data[0].zmax == 1


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="at least one run"):
        figures.class_change_heatmap(CHANGE.iloc[:0])
    with pytest.raises(ValueError, match="reindex it"):
        figures.class_change_heatmap(CHANGE, AFFECTED.iloc[::-1])
    with pytest.raises(ValueError, match="2 by 3"):
        figures.confusion_change(COUNTS.iloc[:2])
    with pytest.raises(ValueError, match="same classes"):
        figures.confusion_change(COUNTS[["b", "a", "c"]])
