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
        assert f"{smaller} smaller run{' does' if smaller == 1 else 's do'} not" in answer.reason


def test_what_was_not_measured_is_not_kept():
    answer = runs.recommend(table(row()), latency_ratio=0.9)
    assert answer.id is None
    assert "latency was not measured" in answer.reason


def test_a_gap_is_the_worst_over_all_group_columns():
    frame = table(row(**{"dpd[sex]": 0.2, "dpd[race]": 0.0}), row(**{"bytes": 200.0, "dpd[sex]": 0.1, "dpd[race]": 0.1}))
    answer = runs.recommend(frame, dpd=0.1)
    assert answer.id == "r1"
    assert answer.considered.loc["r0", "broken"] == "demographic parity gap 20 pp (at most 10 pp)"


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


def of(reference, candidate, labels, classes):
    """Store-like table and class tables of networks given by their predictions on one split."""
    split = Split(np.asarray(labels), tuple(classes), x=np.zeros((len(labels), 1), np.float32))
    eye = np.eye(len(classes), dtype=np.float32)
    return audit_logits(eye[candidate], split, eye[reference])


def twelve_pictures():
    """Twelve pictures, two of them cats; the compressed network puts both cats among the dogs."""
    labels = [0, 0] + [1] * 5 + [2] * 5
    return of(labels, [1, 1] + [1] * 5 + [2] * 5, labels, ["cat", "dog", "bird"])


def of_audits(**audits):
    same = {"model": "m", "method": "x", "data": "d", "damaged": ""}
    sizes = {name: {"bytes": 10.0 + place, "bytes_ratio": 0.3} for place, name in enumerate(audits)}
    rows = {name: {**same, **sizes[name], **found.summary} for name, found in audits.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("id")


def test_a_class_that_fell_from_100_to_0_percent_on_two_pictures_is_not_certified():
    found = twelve_pictures()
    assert found.per_class.loc["cat", ["reference_accuracy", "accuracy"]].tolist() == [1, 0]
    assert not found.per_class["affected"].any()  # McNemar's test cannot tell: that is why it must not decide
    assert found.per_class["verdict"].tolist() == ["cannot tell"] * 3
    table = of_audits(small=found)
    for limits in ({}, {"accuracy_drop": None}):
        answer = runs.recommend(table, per_class={"small": found.per_class}.get, **limits)
        assert answer.id is None
        assert "cannot tell whether class cat is harmed by x (nor of 2 others): 2 examples; about 16 would tell" in answer.reason
    assert runs.recommend(table, accuracy_drop=None, by="estimate").id is None  # the measured loss is harm, however few they are


def test_by_estimate_counts_what_was_measured_and_by_bound_what_can_be_told():
    labels = np.repeat([0, 1], 40)
    same = of(labels, labels, labels, ["no", "yes"])
    table = of_audits(equal=same)
    assert runs.recommend(table, by="estimate").id == "equal"
    cautious = runs.recommend(table)
    assert cautious.id is None  # 40 equal answers a class do not rule out a loss of 2 points
    assert "cannot be ruled out" in cautious.reason
    many = np.repeat(labels, 25)
    assert runs.recommend(of_audits(equal=of(many, many, many, ["no", "yes"]))).id == "equal"


def test_accuracy_is_judged_by_the_lower_end_of_its_interval():
    rows = table(row(accuracy_change=-0.005, accuracy_change_low=-0.012, accuracy_change_high=0.002))
    found = runs.recommend(rows)
    assert found.id is None
    assert found.considered["broken"].tolist() == ["accuracy loss up to 1.2 pp cannot be ruled out (at most 1 pp)"]
    assert runs.recommend(rows, by="estimate").id == runs.recommend(rows, accuracy_drop=0.013).id == "r0"
    sure = table(row(accuracy_change=-0.02, accuracy_change_low=-0.03, accuracy_change_high=-0.015))
    assert runs.recommend(sure).considered["broken"].tolist() == ["accuracy loss 1.5 to 3 pp (at most 1 pp)"]


@pytest.mark.parametrize("ratio", [1.0, 1.2, 0.997])
def test_all_of_the_bytes_are_never_the_smallest(ratio):
    found = runs.recommend(table(row(bytes_ratio=ratio)))
    assert found.id is None
    assert "the 1 run that keeps" in found.reason
    assert "not smaller than the uncompressed model; keep it" in found.reason
    assert runs.recommend(table(row(bytes_ratio=ratio), row(bytes=300.0, bytes_ratio=0.9))).id == "r1"


def test_every_limit_names_its_nearest_miss_in_the_units_of_its_slider():
    near = row(accuracy_change=-0.013, method="near")
    far = row(accuracy_change=-0.3, method="far", bytes=1.0, bytes_ratio=0.1)
    large = row(method="large", bytes_ratio=0.4)
    found = runs.recommend(table(near, far, large), accuracy_drop=0.01, bytes_ratio=0.3)
    assert found.id is None
    assert "near breaks one limit alone: accuracy loss 1.3 pp (at most 1 pp)" in found.reason
    assert "large breaks one limit alone: size 40 % (at most 30 %)" in found.reason
    assert "far" not in found.reason
    hard = runs.recommend(table(near, far), accuracy_drop=0.0, bytes_ratio=0.05)
    assert "nearest to the limit is near: accuracy loss 1.3 pp (at most 0 pp)" in hard.reason
    assert "nearest to the limit is far: size 10 % (at most 5 %)" in hard.reason


def test_a_gain_is_no_harm():
    labels = np.repeat([0, 1], 400)
    before = labels.copy()
    before[:100] = 1
    found = of(before, labels, labels, ["no", "yes"])
    assert found.summary["affected_classes"] == 1  # it rose beyond chance
    assert runs.recommend(of_audits(better=found)).id == "better"


def test_groups_that_are_not_limited_are_still_named():
    rows = table(row(**{"harmed_groups[race]": 1.0, "unclear_groups[race]": 2.0}))
    said = "groups are not limited: 1 group by race harmed, cannot tell for 2 groups by race"
    assert said in runs.recommend(rows).reason
    more = {"lower_groups[race]": 0.0, "harmed_groups_high[race]": 3.0, "harmed_groups_low[race]": 1.0}
    assert runs.recommend(rows.assign(**more), harmed_groups=0).id is None
    assert runs.recommend(rows.assign(**more), harmed_groups=3).id == "r0"


def test_another_way_to_judge_is_refused():
    with pytest.raises(ValueError, match="by must be 'bound' or 'estimate', got 'hope'"):
        runs.recommend(table(row()), by="hope")


@pytest.mark.parametrize(
    ("network", "method"), [("vit_fashion", "quantize"), ("resnet_fashion", "quantize"), ("mlp_adult", "quantize")]
)
def test_the_gallery_has_a_harmless_answer_for_every_network(network, method):
    found = runs.recommend(runs.gallery(), model=network)
    assert found.id is not None
    assert found.considered.loc[found.id, "method"] == method
    assert found.considered.loc[found.id, "bytes_ratio"] < 0.3
    library = runs.Library(runs.gallery())
    beside = runs.recommend(library.table(network), per_class=library.per_class)
    assert (beside.id, beside.reason) == (found.id, found.reason)
