"""Figures of thousands of rows draw the largest and say so; None in a table is NaN."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

NAMES = [f"c{i}" for i in range(3000)]


def classes(count):
    change = np.linspace(0, 0.5, count)
    return pd.DataFrame(
        {
            "accuracy": 0.9 - change,
            "accuracy_low": 0.8 - change,
            "accuracy_high": 0.95 - change,
            "reference_accuracy": 0.9,
            "change": -change,
            "change_low": -change - 0.1,
            "change_high": -change + 0.1,
            "affected": False,
            "q": 1.0,
            "verdict": "cannot tell",
            "needed": 100.0,
        },
        index=pd.Index(NAMES[:count], name="class"),
    )


def groups(count):
    index = pd.MultiIndex.from_product([["g"], NAMES[:count]], names=["group column", "group"])
    table = pd.DataFrame({"n": 10, "accuracy_score": np.linspace(0, 1, count), "precision_score": 0.5}, index=index)
    return table.assign(precision_score=[None, *[0.5] * (count - 1)])


@pytest.mark.parametrize("draw", [figures.class_accuracy, figures.class_change])
def test_of_many_classes_those_with_the_largest_change_are_drawn(draw):
    figure = draw(classes(3000))
    drawn = figure.layout.yaxis.categoryarray
    assert len(drawn) <= 100
    assert drawn[-1] == NAMES[-1]
    assert f"largest {len(drawn)} of 3,000" in figure.layout.xaxis.title.text


def test_of_a_large_confusion_matrix_the_classes_with_changes_are_drawn():
    change = pd.DataFrame(np.zeros((3000, 3000), int), index=NAMES, columns=NAMES)
    change.iloc[2000, 5] = 4
    figure = figures.confusion_change(change)
    assert figure.data[0].z.shape == (100, 100)
    assert float(np.nanmax(figure.data[0].z)) == 4
    assert {"c2000", "c5"} <= set(figure.layout.xaxis.tickvals)
    assert "largest 100 of 3,000" in figure.layout.xaxis.title.text


def test_of_many_classes_in_many_runs_those_with_the_largest_change_are_drawn():
    change = pd.DataFrame(np.zeros((2, 3000)), index=["a", "b"], columns=NAMES)
    change.loc["b", "c2500"] = -0.5
    figure = figures.class_change_heatmap(change, change < -0.1)
    assert len(figure.layout.xaxis.tickvals) == 100
    assert "c2500" in figure.layout.xaxis.tickvals


def test_of_many_groups_30_are_drawn():
    figure = figures.group_rates(groups(3000))
    assert len(figure.data) == 31
    assert figure.layout.height < 1000
    assert "largest 30 of 3,000 groups" in figure.layout.xaxis.title.text


@pytest.mark.parametrize(
    ("draw", "table"),
    [
        (figures.class_accuracy, classes(3)),
        (figures.class_change, classes(3)),
        (figures.group_rates, groups(3)),
        (figures.group_changes, classes(3).set_axis(pd.MultiIndex.from_product([["g"], NAMES[:3]])).assign(examples=3)),
    ],
)
def test_none_in_a_table_is_a_missing_figure(draw, table):
    numbers = [name for name in table if name not in ("verdict", "affected", "examples", "n")]
    for count in (1, len(table)):
        broken = table.astype(dict.fromkeys(numbers, object))
        broken.loc[broken.index[:count], numbers] = None
        assert draw(broken).data
