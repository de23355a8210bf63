"""Choosing a run by brute force over random tables; comparing two by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import runs
from labkit.audit import audit_logits
from labkit.data import Split

LIMITS = {"accuracy_drop": 0.01, "affected_classes": 1, "dpd": 0.1, "eod": 0.1, "latency_ratio": 0.5, "bytes_ratio": 0.5}


def row(**figures):
    facts = {
        "model": "m",
        "method": "x",
        "data": "d",
        "damaged": "",
        "accuracy": 0.9,
        "accuracy_change": 0.0,
        "affected_classes": 0.0,
    }
    return {**facts, "bytes": 100.0, "bytes_ratio": 0.3, **figures}


def table(*rows):
    return pd.DataFrame(list(rows), index=pd.Index([f"r{i}" for i in range(len(rows))], name="id"))


figure = st.none() | st.sampled_from([0.0, 0.05, 0.1, 0.2])
random_row = st.fixed_dictionaries(
    {
        "accuracy_change": st.sampled_from([0.02, 0.0, -0.01, -0.011, -0.2]),
        "affected_classes": st.sampled_from([0.0, 1.0, 2.0]),
        "bytes": st.integers(1, 6).map(float),
        "bytes_ratio": st.sampled_from([0.2, 0.5, 0.6]),
        "latency_ratio": st.none() | st.sampled_from([0.4, 0.5, 2.0]),
        "dpd[sex]": figure,
        "dpd[race]": figure,
        "eod[sex]": figure,
    }
)


def keeps(run, limits):
    measured = {
        "accuracy_drop": [-run["accuracy_change"]],
        "dpd": [v for v in (run["dpd[sex]"], run["dpd[race]"]) if v is not None],
        "eod": [v for v in (run["eod[sex]"],) if v is not None],
        **{name: [] if run[name] is None else [run[name]] for name in ("affected_classes", "latency_ratio", "bytes_ratio")},
    }
    return all(measured[name] and max(measured[name]) <= limit for name, limit in limits.items())


@given(rows=st.lists(random_row, min_size=1, max_size=6), stated=st.sets(st.sampled_from(sorted(LIMITS))))
@settings(max_examples=150, deadline=None)
def test_the_smallest_that_keeps_every_limit(rows, stated):
    limits = {name: LIMITS[name] for name in stated}
    frame = table(*(row(**r) for r in rows))
    answer = runs.recommend(frame, **{**dict.fromkeys(LIMITS), **limits})
    sound = [f"r{i}" for i, r in enumerate(rows) if keeps(r, limits)]
    assert set(answer.considered.index[answer.considered["broken"] == ""]) == set(sound)
    if not sound:
        assert answer.id is None
        assert "keep the uncompressed model" in answer.reason
    else:
        assert answer.id in sound
        assert frame.loc[answer.id, "bytes"] == min(frame.loc[sound, "bytes"])
        smaller = int((frame["bytes"] < frame.loc[answer.id, "bytes"]).sum())
        assert f"{smaller} smaller runs do not" in answer.reason


def test_what_was_not_measured_is_not_kept():
    answer = runs.recommend(table(row()), latency_ratio=0.9)
    assert answer.id is None
    assert "latency_ratio was not measured" in answer.reason


def test_a_gap_is_the_worst_over_all_group_columns():
    frame = table(row(**{"dpd[sex]": 0.2, "dpd[race]": 0.0}), row(**{"bytes": 200.0, "dpd[sex]": 0.1, "dpd[race]": 0.1}))
    answer = runs.recommend(frame, dpd=0.1)
    assert answer.id == "r1"
    assert answer.considered.loc["r0", "broken"] == "dpd 0.2 > 0.1"


def test_the_more_accurate_of_two_equally_small():
    assert runs.recommend(table(row(accuracy=0.8), row(accuracy=0.85))).id == "r1"


def test_damaged_and_unmeasured_runs_are_no_candidates():
    frame = table(row(), row(bytes=1.0, damaged="run.json is missing"), row(bytes=2.0, accuracy_change=None), row(bytes=None))
    assert runs.recommend(frame).id == "r0"


def test_several_networks_or_data_sets_need_a_word():
    frame = table(row(), row(model="n", bytes=1.0), row(data="e", bytes=2.0))
    with pytest.raises(ValueError, match=r"several networks \(m, n\); say which with model="):
        runs.recommend(frame)
    with pytest.raises(ValueError, match=r"several data sets \(d, e\); say which with data="):
        runs.recommend(frame, model="m")
    assert runs.recommend(frame, model="n").id == "r1"
    assert runs.recommend(frame, model="m", data="e").id == "r2"


@pytest.mark.parametrize("limit", [-0.1, float("nan")])
def test_limits_that_mean_nothing_are_refused(limit):
    with pytest.raises(ValueError, match="accuracy_drop must not be negative"):
        runs.recommend(table(row()), accuracy_drop=limit)


def test_nothing_to_choose_from(tmp_path):
    for frame in (runs.Store(tmp_path), table(row(damaged="x")), table({"model": "m", "damaged": ""})):
        with pytest.raises(ValueError, match="no run with a reference"):
            runs.recommend(frame)
    with pytest.raises(ValueError, match="audit with reference= and cost=True"):
        runs.recommend(table(row(bytes=None)))


def test_compare_by_hand():
    split = Split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), ("no", "yes"), x=np.zeros((8, 1), np.float32))

    def answers(predicted):
        return audit_logits(np.eye(2, dtype=np.float32)[predicted], split)

    a, b = answers([0, 0, 0, 1, 1, 1, 1, 0]), answers([0, 1, 1, 0, 1, 1, 1, 1])
    found = runs.compare(a, b)
    assert dict(found.accuracy) == {"change": 0.0, "p": 1.0, "only_a": 2, "only_b": 2, "agreement": 0.5}
    assert found.per_class.loc["no", ["n01", "n10", "change"]].tolist() == [2, 1, -0.25]
    assert found.per_class.loc["yes", ["n01", "n10", "change"]].tolist() == [0, 1, 0.25]
    assert found.summary.loc["accuracy"].tolist() == [0.75, 0.75, 0.0]


def test_a_task_without_accuracy_is_chosen_by_its_own_limits():
    same = {"model": "m", "method": "x", "data": "d", "damaged": "", "precision_1": 0.5}
    rows = table({**same, "bytes": 2.0, "bytes_ratio": 0.2}, {**same, "bytes": 1.0, "bytes_ratio": 0.1})
    found = runs.recommend(rows)
    assert found.id == "r1"
    assert found.reason == "x is the smallest: 10 % of the bytes; it keeps no limit; 0 smaller runs do not"
    assert runs.recommend(rows, accuracy_drop=0.01).id is None  # stated, and not measured
