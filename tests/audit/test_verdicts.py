"""Three verdicts by their definition, the number of examples that would tell by simulation, and gaps by chance by brute force."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.audit import audit_logits, class_bias, headlines, verdict
from labkit.audit.group_changes import group_changes
from labkit.audit.mcnemar import paired_interval
from labkit.audit.permutation import permuted_gap
from labkit.audit.verdicts import HARM, HARMED, UNCLEAR, UNHARMED, needed_examples, verdicts, with_verdicts
from labkit.data import Split

ONE = "cannot tell whether 1 class is harmed"
counts = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 400)).map(lambda c: (c[0], c[1], c[0] + c[1] + c[2]))


def judged(n01, n10, examples, **options):
    low, high = paired_interval(np.array([n01]), np.array([n10]), np.array([examples]))
    return verdicts(low, high, **options)[0]


@given(counts.filter(lambda c: c[2] > 0), st.sampled_from([0.0, 0.01, 0.02, 0.1]))
@settings(deadline=None)
def test_a_verdict_says_on_which_side_of_the_margin_the_interval_lies(count, harm):
    low, high = paired_interval(*(np.array([part]) for part in count))
    found = judged(*count, harm=harm)
    assert (found == HARMED) == (high[0] < -harm)
    assert (found == UNHARMED) == (low[0] > -harm)
    n01, n10, examples = count
    if n10 >= n01:
        assert found != HARMED  # a gain is never harm
    if found == UNCLEAR:
        assert needed_examples(*(np.array([part]) for part in count), harm=harm)[0] > examples


@pytest.mark.parametrize(("lost", "gained", "examples"), [(0, 0, 12), (2, 0, 2), (1, 0, 30), (3, 3, 100), (10, 0, 150)])
def test_that_many_examples_tell_eight_times_in_ten(lost, gained, examples):
    needed = needed_examples(np.array([lost]), np.array([gained]), np.array([examples]))[0]
    rng, total = np.random.default_rng(0), examples + 2
    shares = [(lost + 0.5) / total, (gained + 0.5) / total]
    n01, n10, _ = rng.multinomial(int(needed), [*shares, 1 - sum(shares)], size=4000).T
    low, high = paired_interval(n01, n10, np.full(4000, needed))
    told = np.mean(verdicts(low, high) != UNCLEAR)
    assert told == pytest.approx(0.8, abs=0.1)


def test_nothing_is_known_without_examples():
    assert judged(0, 0, 0) == UNCLEAR
    assert np.isnan(needed_examples(np.array([0]), np.array([0]), np.array([0]))[0])


def test_class_bias_gives_verdicts_with_a_margin_of_ones_own():
    labels = np.repeat([0, 1], 1000)
    after = np.ones(2000, bool)
    after[:15] = False
    assert class_bias(np.ones(2000, bool), after, labels)["verdict"].tolist() == [UNCLEAR, UNHARMED]
    assert class_bias(np.ones(2000, bool), after, labels, harm=0.005)["verdict"].tolist() == [HARMED, UNHARMED]
    with pytest.raises(ValueError, match="harm must be a fraction from 0 to below 1, got 2"):
        class_bias(np.ones(2000, bool), after, labels, harm=2)


def test_a_table_without_changes_stays_as_it_is():
    table = pd.DataFrame({"accuracy": [0.5]})
    assert with_verdicts(table) is table


def two_groups(after):
    """Two groups of 400, all right before; those of the second group are right as `after` says."""
    labels = np.tile([0, 1], 400)
    sex = np.repeat(["f", "m"], 400)
    predicted = labels.copy()
    wrong = 400 + np.flatnonzero(~after)
    predicted[wrong] = 1 - predicted[wrong]
    split = Split(labels, ("no", "yes"), x=np.zeros((800, 1), np.float32), groups=pd.DataFrame({"sex": sex}))
    eye = np.eye(2, dtype=np.float32)
    return audit_logits(eye[predicted], split, eye[labels])


def test_groups_before_and_after_by_hand():
    found = two_groups(np.arange(400) >= 40)
    table = found.group_changes
    assert table.loc[("sex", "f"), ["examples", "reference_accuracy", "accuracy", "change"]].tolist() == [400, 1, 1, 0]
    assert table.loc[("sex", "m"), ["examples", "reference_accuracy", "accuracy", "change"]].tolist() == [400, 1, 0.9, -0.1]
    assert table["verdict"].tolist() == [UNHARMED, HARMED]
    assert found.summary[["harmed_groups[sex]", "unclear_groups[sex]"]].tolist() == [1, 0]
    assert found.summary["reference_worst_group_accuracy[sex]"] == 1
    assert found.summary["reference_eod[sex]"] == 0
    both = group_changes(
        np.ones(4, bool), np.array([True, False, True, True]), pd.DataFrame({"a": list("xxyy"), "b": list("zzzz")})
    )
    assert both["n01"].tolist() == [1, 0, 1]


def test_a_constant_network_has_no_gap_and_random_groups_have_none_either():
    labels = np.tile([0, 1, 1, 1], 100)
    sex = pd.DataFrame({"sex": np.repeat(["f", "m"], 200)})
    split = Split(labels, ("no", "yes"), x=np.zeros((400, 1), np.float32), groups=sex)
    eye = np.eye(2, dtype=np.float32)
    found = audit_logits(eye[np.ones(400, int)], split, eye[labels])
    assert found.summary[["eod[sex]", "eod_null[sex]", "eod_p[sex]"]].tolist() == [0, 0, 1]
    line = next(line for line in headlines(found.summary) if line.key == "eod[sex]")
    assert "at 75.0 % accuracy" in line.delta
    assert line.tone == "neutral"


def test_the_gap_by_chance_is_that_of_every_shuffle():
    rng = np.random.default_rng(3)
    true, predicted = rng.random(8) < 0.5, rng.random(8) < 0.6
    groups = np.array(list("aaabbbbb"))

    def gap(members):
        inside = np.isin(np.arange(8), members)
        return abs(predicted[inside].mean() - predicted[~inside].mean())

    every = np.array([gap(members) for members in itertools.combinations(range(8), 3)])
    observed = gap(np.flatnonzero(groups == "a"))
    null, p = permuted_gap(true, predicted, pd.Series(groups), ("selection_rate",), observed, draws=20_000)
    assert null == pytest.approx(every.mean(), abs=0.01)
    assert p == pytest.approx((every >= observed - 1e-12).mean(), abs=0.02)


@pytest.mark.parametrize(
    ("figures", "sentence", "tone"),
    [
        ({"bytes_ratio": 0.31, "harmed_classes": 0, "unclear_classes": 0}, "31 % of the bytes, no class harmed", "good"),
        (
            {"bytes_ratio": 0.31, "harmed_classes": 0, "unclear_classes": 1},
            "31 % of the bytes, cannot tell whether 1 class is harmed",
            "neutral",
        ),
        ({"bytes_ratio": 0.5, "harmed_classes": 2, "unclear_classes": 0}, "50 % of the bytes, 2 classes harmed", "bad"),
        ({"bytes_ratio": 1.0, "harmed_classes": 0, "unclear_classes": 0}, "100 % of the bytes, no class harmed", "neutral"),
        ({}, "", "neutral"),
    ],
)
def test_a_verdict_in_one_sentence(figures, sentence, tone):
    found = verdict(figures)
    assert (found.sentence, found.tone) == (sentence, tone)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(1.5, 2.3, "1.9x the throughput"), (0.9, 2.9, "about the same speed"), (None, None, "harmed")]
)
def test_a_speed_is_said_only_when_its_interval_leaves_one_out(low, high, said):
    figures = {"throughput_ratio": 1.9, "throughput_ratio_low": low, "throughput_ratio_high": high}
    assert verdict({"harmed_classes": 0, **figures}).sentence.endswith(said)


def test_the_margin_is_two_points():
    assert HARM == 0.02
