"""Thousands of classes or groups: the quick forms give what plain loops give, and an audit with its save takes seconds."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from labkit.audit import audit_logits, class_bias
from labkit.audit.bands import SHARED, Rate
from labkit.audit.classes import benjamini_hochberg
from labkit.audit.groups import hits_and_trials
from labkit.audit.permutation import shuffled_gaps
from labkit.audit.tables import full_confusion, plain_confusion, softmax
from labkit.data import Split
from labkit.runs import Store

MANY_SECONDS = 8.0  # of one thread; several times what a slow machine takes, and less than loops over classes or groups take


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), max_size=30))
def test_q_values_are_those_of_scipy(p):
    p = np.array(p, float)
    found, tested = benjamini_hochberg(p), ~np.isnan(p)
    assert np.isnan(found[~tested]).all()
    if tested.any():
        np.testing.assert_allclose(found[tested], false_discovery_control(p[tested]), rtol=0, atol=1e-12)


def _looped_gaps(true, predicted, groups, rates, draws, seed):
    """Shuffle by a loop over draws of tables that are filled group by group, and measure each table alone."""
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(groups))
    sizes = np.array([groups.count(name) for name in names])
    cells = [sum(2 * t + p == cell for t, p in zip(true.tolist(), predicted.tolist(), strict=True)) for cell in range(4)]
    tables = np.zeros((draws, len(names), 4), int)
    free = np.tile(sizes, (draws, 1))
    for cell in range(3):
        left = np.full(draws, cells[cell])
        for group in range(len(names) - 1):
            taken = rng.hypergeometric(free[:, group], free[:, group + 1 :].sum(axis=1), left)
            tables[:, group, cell], left = taken, left - taken
        tables[:, -1, cell] = left
        free = free - tables[:, :, cell]
    tables[:, :, 3] = free
    gaps = {rate: [] for rate in rates}
    for table in tables:
        for rate, (hits, trials) in hits_and_trials(table.reshape(-1, 2, 2)).items():
            if rate in gaps:
                values = [h / t for h, t in zip(hits, trials, strict=True) if t]
                gaps[rate].append(max(values) - min(values) if values else 0.0)
    return gaps


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcd")), min_size=1, max_size=40), st.integers(0, 9))
def test_shuffled_gaps_are_those_of_a_plain_loop(rows, seed):
    true, predicted = (np.array([row[i] for row in rows]) for i in (0, 1))
    groups, rates = [row[2] for row in rows], ("selection_rate", "true_positive_rate", "false_positive_rate")
    found = shuffled_gaps(true, predicted, pd.Series(groups), rates, draws=20, seed=seed)
    wanted = _looped_gaps(true, predicted, groups, rates, 20, seed)
    for rate in rates:
        np.testing.assert_allclose(found[rate], wanted[rate], rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [2, SHARED, SHARED + 1])
def test_up_to_200_groups_each_metric_draws_2000_times_afresh(count):
    rate = Rate(np.full(count, 3), np.full(count, 7))
    own, plain = np.random.default_rng(5), np.random.default_rng(5)
    first, second = rate.draws(own), rate.draws(own)
    if count <= SHARED:
        np.testing.assert_array_equal(first, plain.beta(3.5, 4.5, (2000, count)))
        np.testing.assert_array_equal(second, plain.beta(3.5, 4.5, (2000, count)))
    else:
        assert first is second
        assert 200 <= len(first) < 2000


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([np.float32, np.float64]), st.integers(0, 99))
def test_softmax_in_place_is_softmax(rows, classes, dtype, seed):
    logits = (np.random.default_rng(seed).normal(size=(rows, classes)) * 50).astype(dtype)
    before = logits.copy()
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_array_equal(softmax(logits), (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32))
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("classes", [3, 1001])
def test_a_confusion_matrix_comes_back_from_plain_values(classes):
    counts = np.zeros((classes, classes), int)
    counts[[0, 1, classes - 1], [2, 1, 0]] = 7, 1, 3
    plain = plain_confusion(pd.DataFrame(counts))
    assert isinstance(plain, dict) == (classes > 1000)
    np.testing.assert_array_equal(full_confusion(plain), counts)


def _of(classes: int, groups: int, examples: int = 4500) -> tuple[Split, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(examples) % classes
    table = pd.DataFrame({"region": [f"r{i % groups}" for i in range(examples)]}) if groups else None
    split = Split(labels, tuple(f"c{i}" for i in range(classes)), x=np.zeros((examples, 2), np.float32), groups=table)
    logits = [rng.normal(size=(examples, classes)).astype(np.float32) for _ in range(2)]
    for one in logits:
        one[np.arange(examples), labels] += 3
    return split, *logits


@pytest.mark.parametrize(("classes", "groups"), [(4000, 0), (2, 4000)])
def test_4000_classes_or_groups_are_audited_saved_and_loaded_without_a_loop_over_them(classes, groups, tmp_path):
    split, own, other = _of(classes, groups)
    store = Store(tmp_path / "runs")
    facts = {"method": "none", "version": 1, "parameters": {}, "model": "m", "data": "d", "seed": 0}
    times = [time.process_time()]
    audit = audit_logits(own, split, other)
    times.append(time.process_time())
    run = store.save(None, audit=audit, config=facts)
    times.append(time.process_time())
    back = store.load(run.id)[1]
    times.append(time.process_time())
    assert max(np.diff(times)) <= MANY_SECONDS, np.diff(times)
    assert back.confusion.equals(audit.confusion)
    assert len(audit.per_class) == classes
    pd.testing.assert_frame_equal(back.per_class, audit.per_class)


def test_4000_classes_are_compared_without_a_loop_over_them():
    labels = np.arange(20_000) % 4000
    correct = np.random.default_rng(0).random((6, 20_000)) < 0.8
    began = time.process_time()
    one, several = class_bias(correct[0], correct[1], labels), class_bias(correct[:3], correct[3:], labels)
    assert len(one) == len(several) == 4000
    assert time.process_time() - began <= MANY_SECONDS


def test_many_classes_without_examples_make_one_note():
    split, own, _ = _of(40, 0)
    few = Split(np.zeros(5, int), split.classes, x=np.zeros((5, 2), np.float32))
    notes = [note for note in audit_logits(own[:5], few).notes if "no example" in note]
    assert len(notes) == 1
    assert "39 of 40 classes" in notes[0]
    assert "'c10'" in notes[0]
    assert len(notes[0]) < 250
