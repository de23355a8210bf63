"""Examples and groups that differ between two runs, counted again by hand."""

import json

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


def test_a_comparison_has_the_groups_paired_example_by_example(pair):
    (a, b), run = pair
    split = runs.audited_split(run)
    assert runs.compare(a, b).groups is None
    found = runs.compare(a, b, groups=split.groups)
    female = (split.groups["sex"] == "Female").to_numpy()
    first, second = ((x.predictions["predicted"] == x.predictions["label"]).to_numpy()[female] for x in (a, b))
    row = found.groups.loc[("sex", "Female")]
    table = [[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), (~first & ~second).sum()]]
    assert (row["n01"], row["n10"]) == (table[0][1], table[1][0])
    assert row["change"] == pytest.approx(second.mean() - first.mean())
    # Agresti & Min (2005): Wald's interval of a paired difference after half an example in each cell
    n, b01, b10 = len(first) + 2, table[0][1] + 0.5, table[1][0] + 0.5
    half = 1.959964 * np.sqrt((b01 + b10) - (b10 - b01) ** 2 / n) / n
    assert [row["change_low"], row["change_high"]] == pytest.approx([(b10 - b01) / n - half, (b10 - b01) / n + half], abs=1e-6)
    assert row["verdict"] == (
        "harmed" if row["change_high"] < -0.02 else "unharmed" if row["change_low"] > -0.02 else "cannot tell"
    )
    told = json.loads(json.dumps(found.to_dict()))["groups"]
    assert len(told) == len(found.groups)
    assert {"group column", "group", "verdict", "accuracy"} <= set(told[0])


def test_runs_of_different_data_are_refused(pair):
    (a, _), _ = pair
    shelf = runs.Library(runs.gallery())
    other = shelf.audit(shelf.table("vit_fashion").index[0])
    with pytest.raises(ValueError, match="different data"):
        runs.differences(a, other)
