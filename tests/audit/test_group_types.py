"""Groups of any type are audited, stored and sorted as text; thousands of them take seconds; none disappears unsaid."""

import datetime
import json
import time

import numpy as np
import pandas as pd
import pytest
import torch
from fairlearn import metrics as fm
from torch import nn

from labkit import audit, data, runs

ROWS = 60
COLUMNS = {
    "cut": pd.cut(np.arange(ROWS) % 60, [-1, 9, 29, 99]),
    "qcut": pd.qcut(np.arange(ROWS), 3),
    "dates": pd.to_datetime(["2020-01-01", "2021-01-01", "2022-06-01"] * 20),
    "date objects": [datetime.date(2020, 1, 1 + i % 3) for i in range(ROWS)],
    "periods": pd.period_range("2020-01", periods=3, freq="M").repeat(20),
    "time zone": pd.to_datetime(["2020-01-01", "2021-01-01"] * 30).tz_localize("Europe/Berlin"),
    "durations": pd.to_timedelta([1, 2, 3] * 20, unit="D"),
    "flags": np.arange(ROWS) % 2 == 0,
    "nullable": pd.array([1, 2, 3] * 20, dtype="Int64"),
    "floats": np.arange(ROWS) % 3 / 2,
    "int8": (np.arange(ROWS) % 3).astype(np.int8),
    "unused categories": pd.Categorical(["a", "b"] * 30, categories=["z", "b", "a"]),
    "tuples": [("f", i % 2) for i in range(ROWS)],
    "mixed": [("x", 1, 2.5)[i % 3] for i in range(ROWS)],
    "bytes": np.array([b"f", b"m"] * 30),
    "tensor": torch.arange(ROWS) % 2,
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_any_type_is_audited_stored_and_read_again(kind, tmp_path):
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    column = pd.Series(COLUMNS[kind]) if not isinstance(COLUMNS[kind], torch.Tensor) else COLUMNS[kind].numpy()
    ds = data.from_arrays(
        x, np.arange(ROWS) % 2, classes=["no", "yes"], groups=pd.DataFrame({"g": column, "other": ["u", "v"] * 30})
    )
    found = audit.audit(nn.Linear(2, 2), ds.test, cost=False)
    assert found.by_group.loc["g", "n"].sum() == len(ds.test)
    assert json.loads(found.to_json())["by_group"]
    run = runs.Store(tmp_path).save(None, audit=found)
    _, again = runs.Store(tmp_path).load(run.id)
    pd.testing.assert_frame_equal(again.by_group, found.by_group, check_dtype=False)


@pytest.mark.parametrize("kind", COLUMNS)
def test_fairness_takes_any_type_itself(kind):
    y, guess = np.arange(ROWS) % 2, np.arange(ROWS) % 5 < 2
    text = (
        pd.Series(COLUMNS[kind]).astype(str) if not isinstance(COLUMNS[kind], torch.Tensor) else COLUMNS[kind].numpy().astype(str)
    )
    found = audit.fairness(y, guess.astype(int), COLUMNS[kind])
    expected = fm.demographic_parity_difference(y, guess, sensitive_features=text)
    assert found.table.loc[("group", "demographic_parity_difference"), "value"] == pytest.approx(expected)


def test_groups_are_in_the_order_of_their_numbers():
    ages = pd.Series(pd.cut(np.repeat([5, 15, 105], 20), [0, 10, 100, 200]))
    y = np.arange(60) % 2
    assert list(audit.fairness(y, y, ages).by_group.index.get_level_values(1)) == ["(0, 10]", "(10, 100]", "(100, 200]"]
    assert list(audit.fairness(y, y, np.repeat([10, 9, -1], 20)).by_group.index.get_level_values(1)) == ["-1", "9", "10"]


def test_a_split_made_by_hand_has_text_too():
    split = data.Split(np.arange(4) % 2, ("a", "b"), x=np.zeros((4, 1), np.float32), groups=pd.DataFrame({1: [1.5, 1.5, 2, 2]}))
    assert split.groups.to_dict("list") == {"1": ["1.5", "1.5", "2.0", "2.0"]}
    with pytest.raises(ValueError, match="2 columns named 'g'"):
        data.Split(
            np.arange(2), ("a", "b"), x=np.zeros((2, 1), np.float32), groups=pd.DataFrame([[1, 2], [3, 4]], columns=["g", "g"])
        )


def test_text_leaves_the_fingerprint_as_it_was():
    x, y = np.zeros((6, 1), np.float32), np.arange(6) % 2
    for column in (["f", "m"] * 3, [1, 2] * 3, [1.0, 2.5] * 3, [True, False] * 3, pd.cut([1, 5] * 3, [0, 2, 9])):
        split = data.Split(y, ("a", "b"), x=x, groups=pd.DataFrame({"g": column}))
        object.__setattr__(split, "groups", pd.DataFrame({"g": column}))  # as a split held them before
        assert audit.data_id(split) == audit.data_id(data.Split(y, ("a", "b"), x=x, groups=pd.DataFrame({"g": column})))


def test_three_thousand_groups_take_seconds():
    rng = np.random.default_rng(0)
    g, y, guess = rng.integers(0, 3000, 30_000), rng.integers(0, 2, 30_000), rng.integers(0, 2, 30_000)
    start = time.perf_counter()
    found = audit.fairness(y, guess, g)
    assert time.perf_counter() - start < 20  # a minute and more through a MetricFrame
    assert len(found.by_group) == len(np.unique(g))
    rates = pd.Series(guess).groupby(g).mean()
    assert found.table.loc[("group", "demographic_parity_difference"), "value"] == pytest.approx(rates.max() - rates.min())
    assert (found.table["low"] <= found.table["value"]).all()
    assert sum(map(len, found.notes)) < 2000  # not a sentence a group


def test_groups_without_a_rate_are_counted():
    g = np.repeat([f"g{i}" for i in range(40)], 4)
    y = np.where(np.arange(160) < 100, 0, np.arange(160) % 2)
    found = audit.fairness(y, y, g)
    assert len(found.undefined) == 25
    assert any("true_positive_rate of 25 of 40 groups ('g0'" in note and "15 more" in note for note in found.notes)


def test_one_group_is_said():
    found = audit.fairness([0, 1, 1], [0, 1, 0], pd.DataFrame({"sex": ["f"] * 3}))
    assert any("sex: every row is in group 'f'" in note for note in found.notes)


def test_group_counts_of_thousands():
    rng = np.random.default_rng(0)
    g, y = rng.integers(0, 2000, 20_000), rng.integers(0, 2, 20_000)
    start = time.perf_counter()
    table = data.group_counts(data.from_arrays(np.zeros((20_000, 1)), y, groups=pd.DataFrame({"g": g})))
    assert time.perf_counter() - start < 5
    assert table["examples"].sum() == 20_000
    assert table.loc[("g", "7"), "1"] == pytest.approx(y[g == 7].mean())


def test_classes_may_be_a_list():
    groups = pd.DataFrame({"g": ["u", "v"] * 30})
    given = [
        data.Split(np.arange(60) % 2, kind(("no", "yes")), x=np.eye(2, dtype="float32")[np.arange(60) % 2], groups=groups)
        for kind in (list, tuple)
    ]
    first, second = (
        audit.audit(torch.nn.Identity(), split, reference=torch.nn.Linear(2, 2, bias=False), seed=0) for split in given
    )
    assert given[0].classes == given[1].classes
    pd.testing.assert_index_equal(first.per_class.index, second.per_class.index)
