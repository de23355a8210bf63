"""Measures registered after a grid was made: computed from its predicted classes, or else the grid is not used."""

import pytest

from labkit import audit, compress, data, live, models
from labkit.audit import MEASURES, Measure, register_measure


@pytest.fixture(scope="module")
def garments():
    return data.load("fashion_mnist").test


@pytest.fixture
def registered():
    before = dict(MEASURES)
    yield register_measure
    MEASURES.clear()
    MEASURES.update(before)


SETTINGS = {"sparsity": 0.61, "layers": "inner"}


def test_a_measure_of_predicted_classes_is_computed_for_every_step_of_the_grid(registered, garments):
    place = live.Session("resnet_fashion", garments)
    before = place.steps("condense", SETTINGS)
    assert "toy_boots" not in before[0.61]
    registered(Measure("toy_boots", "Boots", compute=lambda evidence: (evidence.predicted == 9).mean()))
    known = place.steps("condense", SETTINGS)
    assert list(known) == list(before)
    assert len({float(summary["toy_boots"]) for summary in known.values()}) > 10
    (answer,) = live.progressive_audit("condense", SETTINGS, garments, model=place)
    assert answer.source == "grid"
    assert answer.audit.summary["toy_boots"] == known[0.61]["toy_boots"] == (answer.audit.predictions["predicted"] == 9).mean()
    assert known[0.61].drop("toy_boots").equals(before[0.61])


@pytest.mark.parametrize("needs", ["probabilities", "model"])
def test_a_grid_that_cannot_give_a_figure_is_not_used(registered, garments, needs):
    few = garments.subset(slice(0, 30))
    place = live.Session("resnet_fashion", garments)
    registered(Measure("toy_sure", "Sure", compute=lambda evidence: evidence.probabilities.max(1).mean(), needs=needs))
    assert place.steps("condense", SETTINGS) == {}
    answer = next(live.progressive_audit("condense", SETTINGS, garments, model=place, first=30, seconds=0))
    assert answer.source == "computed"
    small = compress.condense(models.load("resnet_fashion"), sparsity=0.61, layers="inner")
    wanted = audit.audit(small, garments.subset(place.order[:30]), reference=place.model, seconds=0)
    assert answer.audit.summary["toy_sure"] == pytest.approx(wanted.summary["toy_sure"], abs=1e-5)
    assert set(answer.audit.summary.index) == set(wanted.summary.index)
    assert len(few) == 30


def test_an_answer_from_memory_has_every_figure(registered):
    digits = data.load("mnist").test.subset(slice(0, 60))
    place = live.Session("mlp_mnist", digits)
    ask = lambda: list(live.progressive_audit("condense", {"sparsity": 0.8}, digits, model=place, seconds=0))[-1]  # noqa: E731
    assert [ask().source, ask().source] == ["computed", "memory"]
    registered(Measure("toy_zeros", "Zeros", compute=lambda evidence: float((evidence.predicted == 0).sum())))
    assert [ask().source, ask().source] == ["computed", "memory"]
    assert ask().audit.summary["toy_zeros"] == (ask().audit.predictions["predicted"] == 0).sum()


def test_a_measure_that_is_asked_for_only_by_name_does_not_disturb_the_grid(registered, garments):
    registered(Measure("toy_slow", "Slow", compute=lambda evidence: 1 / 0, when="asked", needs="model"))
    (answer,) = live.progressive_audit("condense", SETTINGS, garments, model=live.Session("resnet_fashion", garments))
    assert answer.source == "grid"
