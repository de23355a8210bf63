"""Lines, panels, bars and formulas draw the tables they are given."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

TABLE = pd.DataFrame({"dense": [4.0, 4.0], "condensed": [6.0, 3.0]}, index=pd.Index([0.0, 0.5], name="sparsity"))


def test_lines_are_columns_with_guides_limits_and_a_mark():
    figure = figures.lines(TABLE, guides=["dense"], limits={"budget": 5}, mark=0.25)
    assert [trace.name for trace in figure.data] == ["dense", "condensed"]
    np.testing.assert_array_equal(figure.data[1].y, [6, 3])
    assert figure.layout.xaxis.title.text == "sparsity"
    assert [(line.y0, line.x0) for line in figure.layout.shapes] == [(5, 0), (0, 0.25)]
    assert [note.text for note in figure.layout.annotations] == ["budget"]
    with pytest.raises(ValueError, match="columns of the table"):
        figures.lines(TABLE, guides=["other"])


def test_stacked_lines_share_a_stack():
    assert {trace.stackgroup for trace in figures.lines(TABLE, stacked=True).data} == {"all"}


def test_panels_are_columns_and_series_the_outer_level():
    index = pd.MultiIndex.from_product([[0.0, 0.9], ["1", "2"]], names=["sparsity", "blocks"])
    table = pd.DataFrame({"rank": [1, 2, 3, 4.0], "error": [4, 3, 2, np.nan]}, index=index)
    figure = figures.panels(table)
    assert [note.text for note in figure.layout.annotations] == ["rank", "error"]
    assert [trace.name for trace in figure.data] == ["sparsity 0.0", "sparsity 0.9"] * 2
    assert [list(trace.y) for trace in figure.data] == [[1, 2], [3, 4], [4, 3], [2]]
    assert figure.data[0].line.color == figure.data[2].line.color != figure.data[1].line.color
    with pytest.raises(ValueError, match="at least one column"):
        figures.panels(table[[]])


def test_bars_are_stacked_parts_with_their_total():
    table = pd.DataFrame({"weights": [300, 30], "masks": [100, 0]}, index=["masked", "condensed"])
    figure = figures.stacked_bars(table, label="memory", unit="kB")
    assert [list(trace.x) for trace in figure.data] == [[300, 30], [100, 0]]
    assert list(figure.data[0].y) == ["masked<br>400 kB", "condensed<br>30 kB"]


def test_formulas_are_lines_and_measurements_dots_with_intervals():
    table = pd.DataFrame({"series": ["a", "a", "b", "b"], "x": [1, 2, 1, 2], "formula": [1.0, 2, 3, 4]})
    figure = figures.formula_check(table.assign(measured=[1.1, 2.1, 3.1, np.nan], error=0.5), log_x=True)
    line, dots, *_ = figure.data
    assert (list(line.y), list(dots.y)) == ([1, 2], [1.1, 2.1])
    np.testing.assert_allclose(dots.error_y.array, 0.98)
    assert list(figure.layout.xaxis.ticktext) == ["1", "2"]
