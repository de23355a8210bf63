"""Filling a slider: every step once, coarse steps first, stoppable, and never again what is known."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from labkit import audit, compress, data, live, models
from labkit.compress import METHODS, Choice, Method, Param, register
from labkit.data import Split
from labkit.live.filling import _coarse_first

STEPS = [0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.fixture
def calls():
    """A registered method "counted" that condenses and notes every call; its slider has five steps."""
    before, calls = dict(METHODS), []

    def apply(model, *, data=None, seed=0, progress=None, share, layers):
        calls.append(share)
        return compress.condense(model, sparsity=share, layers=layers)

    params = {"share": Param(0.5, 0.9, default=0.5, step=0.1), "layers": Choice(("all", "inner"), "all")}
    register(Method("counted", "Counted", "none", apply, params))
    yield calls
    METHODS.clear()
    METHODS.update(before)


@pytest.fixture(scope="module")
def split():
    return data.load("mnist").test.subset(slice(0, 200))


@pytest.fixture
def place(split):
    return live.Session("mlp_mnist", split)


def test_afterwards_every_step_is_known(place, calls):
    found = list(live.fill("counted", {}, place))
    assert found == [(done, 5) for done in range(6)]
    assert list(place.steps("counted", {})) == STEPS
    assert sorted(calls) == STEPS


def test_the_ends_come_first(place, calls):
    list(live.fill("counted", {}, place))
    assert calls == [0.5, 0.9, 0.7, 0.6, 0.8]


def test_each_step_is_what_an_audit_finds(place, split, calls):
    list(live.fill("counted", {}, place))
    reference = models.load("mlp_mnist")
    names = (
        "accuracy accuracy_low accuracy_change change_p affected_classes worst_class_change ece agreement bytes macs bytes_ratio"
    )
    for share, summary in place.steps("counted", {}).items():
        whole = audit.audit(compress.condense(reference, sparsity=share), split, reference=reference, seconds=0).summary
        for name in names.split():
            assert summary[name] == pytest.approx(whole[name], rel=1e-6), (share, name)


def test_every_step_then_answers_at_once(place, split, calls):
    list(live.fill("counted", {}, place))
    calls.clear()
    for share in STEPS:
        found = list(live.progressive_audit("counted", {"share": share}, split, model=place))
        assert [(step.source, step.exact) for step in found] == [("memory", True)]
    assert calls == []


def test_a_second_filling_computes_nothing(place, calls):
    list(live.fill("counted", {}, place))
    assert list(live.fill("counted", {"share": 0.8}, place)) == [(5, 5)]
    assert len(calls) == 5


def test_a_step_that_was_audited_before_is_left(place, split, calls):
    list(live.progressive_audit("counted", {"share": 0.7}, split, model=place))
    assert list(live.fill("counted", {}, place)) == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert sorted(calls) == STEPS


def test_an_audit_that_was_begun_does_not_count(place, split, calls):
    first = next(live.progressive_audit("counted", {"share": 0.7}, split, first=50, model=place))
    assert not first.exact
    assert next(live.fill("counted", {}, place)) == (0, 5)


def test_other_settings_are_another_slider(place, calls):
    list(live.fill("counted", {"layers": "inner"}, place))
    assert place.steps("counted", {}) == {}
    assert next(live.fill("counted", {}, place)) == (0, 5)
    assert list(place.steps("counted", {"layers": "inner"})) == STEPS


@pytest.mark.parametrize("after", [0, 1, 3])
def test_cancelling_stops_it_and_it_goes_on_where_it_stopped(place, calls, after):
    cancel, found = threading.Event(), []
    for answer in live.fill("counted", {}, place, cancel):
        found.append(answer)
        if answer[0] == after:
            cancel.set()
    assert found == [(done, 5) for done in range(after + 1)]
    assert len(calls) == len(place.steps("counted", {})) == after
    assert list(live.fill("counted", {}, place)) == [(done, 5) for done in range(after, 6)]
    assert sorted(calls) == STEPS


def test_cancelling_within_a_step_leaves_that_step_unknown(place, calls):
    class DuringTheSecondCall:
        def is_set(self):
            return len(calls) >= 2

    found = list(live.fill("counted", {}, place, DuringTheSecondCall()))
    assert found == [(0, 5), (1, 5)]
    assert list(place.steps("counted", {})) == [0.5]


def test_steps_that_the_method_refuses_are_left_out():
    # rank 1 of a 4 -> 3 layer needs (4 + 3) / (4 * 3) = 0.583 of its weights
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    split = Split(np.arange(30) % 3, ("a", "b", "c"), x=generator.normal(size=(30, 4)).astype(np.float32))
    place = live.Session(nn.Sequential(nn.Linear(4, 3)).eval(), split)
    found = list(live.fill("low_rank", {}, place))
    assert found[-1] == (9, 20)
    np.testing.assert_allclose(list(place.steps("low_rank", {})), np.arange(0.6, 1.01, 0.05))


def test_a_method_that_refuses_every_step_says_why(place):
    with pytest.raises(ValueError, match="no layer matches"):
        list(live.fill("condense", {"layers": "nothing.*"}, place))


def test_a_method_without_a_slider_is_one_sentence(place):
    with pytest.raises(ValueError, match="quantize has no numeric parameter"):
        list(live.fill("quantize", {}, place))


def test_a_shipped_grid_is_full():
    place = live.Session("vit_fashion", data.load("fashion_mnist").test)
    assert list(live.fill("condense", {"layers": "inner"}, place)) == [(50, 50)]


def test_low_rank_fills_its_slider(place, split):
    assert list(live.fill("low_rank", {"layers": "inner"}, place))[-1] == (20, 20)
    known, reference = place.steps("low_rank", {"layers": "inner"}), models.load("mlp_mnist")
    assert list(known) == compress.METHODS["low_rank"].params["budget"].grid()
    small = compress.low_rank(reference, budget=0.35, layers="inner")
    assert known[0.35]["accuracy"] == audit.audit(small, split, cost=False).summary["accuracy"]


numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200, unique=True).map(sorted)


@given(steps=numbers)
def test_every_step_comes_exactly_once_and_the_ends_first(steps):
    order = _coarse_first(steps)
    assert sorted(order) == steps
    assert order[:2] == list(dict.fromkeys([steps[0], steps[-1]]))


@given(power=st.integers(0, 8), level=st.integers(0, 8))
def test_the_steps_so_far_are_spread_evenly(power, level):
    steps, level = list(range(2**power + 1)), min(power, level)
    assert sorted(_coarse_first(steps)[: 2**level + 1]) == steps[:: 2 ** (power - level)]
