"""`group_rates` draws every group of one sensitive feature."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

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


def test_one_trace_per_group_in_percent_with_its_size():
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


def test_without_a_feature_the_first_is_drawn():
    assert figures.group_rates(GROUPS).to_dict() == figures.group_rates(GROUPS, "sex").to_dict()


def test_an_undefined_rate_is_left_out():
    np.testing.assert_allclose(figures.group_rates(GROUPS, "race").data[1].x, [100, np.nan])


def test_group_rates_refuses_other_tables():
    with pytest.raises(ValueError, match="'age'; the table has sex, race"):
        figures.group_rates(GROUPS, "age")
    with pytest.raises(ValueError, match="no rate"):
        figures.group_rates(GROUPS[["n"]], "sex")
    with pytest.raises(ValueError, match=r"\(group column, group\)"):
        figures.group_rates(GROUPS.loc["sex"], "sex")
