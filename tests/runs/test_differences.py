"""Examples and groups that differ between two runs, counted again by hand."""

import numpy as np
import pandas as pd
import pytest

from labkit import runs


@pytest.fixture(scope="module")
def pair():
    shelf = runs.Library(runs.gallery())
    ids = shelf.table("mlp_adult").index[[0, 3]]
    return [shelf.audit(run) for run in ids], runs.gallery().run(ids[0])


def test_an_example_differs_where_exactly_one_run_is_right(pair):
    (a, b), _ = pair
    found = runs.differences(a, b)
    right = [audit.predictions["predicted"] == audit.predictions["label"] for audit in (a, b)]
    assert set(found["index"]) == set(a.predictions["index"][right[0] != right[1]])
    assert (found["right"] == "a").sum() == (right[0] & ~right[1]).sum()
    assert (np.where(found["right"] == "a", found["a"], found["b"]) == found["label"]).all()
    assert (np.where(found["right"] == "a", found["b"], found["a"]) != found["label"]).all()
    assert found["confidence"].is_monotonic_decreasing
    assert runs.differences(a, a).empty


def test_groups_are_those_of_the_data_by_hand(pair):
    (a, b), run = pair
    split = runs.audited_split(run)
    found = runs.compare_groups(a, b, split.groups)
    female = (split.groups["sex"] == "Female").to_numpy()
    for name, audit in (("reference_accuracy", a), ("accuracy", b)):
        right = (audit.predictions["predicted"] == audit.predictions["label"]).to_numpy()
        assert found.loc[("sex", "Female"), name] == pytest.approx(right[female].mean())
    assert found.loc["sex"]["examples"].sum() == len(split)
    stored = a.by_group["accuracy_score"]
    before_and_after = runs.groups_before_and_after(a, split.groups)
    pd.testing.assert_series_equal(before_and_after["accuracy"].sort_index(), stored.sort_index(), check_names=False)


def test_runs_of_different_data_are_refused(pair):
    (a, _), _ = pair
    shelf = runs.Library(runs.gallery())
    other = shelf.audit(shelf.table("vit_fashion").index[0])
    with pytest.raises(ValueError, match="different data"):
        runs.differences(a, other)
