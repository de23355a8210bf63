"""Group fairness against fairlearn, hand-counted tables and closed forms."""

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from labkit.audit import bands, fairness


def bits(text):
    return np.array([int(c) for c in text.replace(" ", "")])


def values(result, column="group"):
    return result.table.loc[column, "value"]


def random_task(seed, groups=3, rows=200):
    """Labels, predictions and groups; every group has both labels."""
    rng = np.random.default_rng(seed)
    g = np.concatenate([np.repeat(np.arange(groups), 2), rng.integers(0, groups, rows)])
    y = np.concatenate([np.tile([0, 1], groups), rng.integers(0, 2, rows)])
    return y, np.where(rng.random(len(y)) < 0.7 - 0.1 * g, y, 1 - y), g


def test_twelve_rows_counted_by_hand():
    y, predicted, groups = bits("111000 110000"), bits("110100 100001"), np.array(list("aaaaaabbbbbb"))
    result = fairness(y, predicted, groups)
    expected = {
        "demographic_parity_difference": 1 / 6,
        "demographic_parity_ratio": 2 / 3,
        "equalized_odds_difference": 1 / 6,
        "equalized_odds_ratio": 3 / 4,
        "equal_opportunity_difference": 1 / 6,
        "equal_opportunity_ratio": 3 / 4,
        "false_positive_rate_difference": 1 / 12,
        "accuracy_score_difference": 0,
        "accuracy_score_group_min": 2 / 3,
    }
    assert values(result).to_dict() == pytest.approx(expected)
    assert np.ptp(result.by_group["precision_score"]) == pytest.approx(1 / 6)
    assert result.by_group[["n", "n_pos", "n_neg"]].to_numpy().tolist() == [[6, 3, 3], [6, 2, 4]]


def test_a_group_without_positives():
    y, predicted, groups = bits("1100 0000"), bits("1100 0001"), np.array(list("aaaabbbb"))
    theirs = fairness(y, predicted, groups, undefined="fairlearn")
    assert values(theirs)["equalized_odds_difference"] == 1
    assert values(theirs)["equalized_odds_ratio"] == 0
    ours = fairness(y, predicted, groups)
    assert values(ours)["equalized_odds_difference"] == 0.25
    assert ours.undefined == [("group", "b", "true_positive_rate")]
    assert np.isnan(ours.by_group.loc[("group", "b"), "true_positive_rate"])
    assert any("'b' is undefined and left out" in note for note in ours.notes)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from(["nan_skip", "fairlearn"]))
def test_values_are_fairlearns(seed, groups, undefined):
    y, predicted, g = random_task(seed, groups, rows=60)
    result = fairness(y, predicted, g, undefined=undefined)
    for metric, value in values(result).items():
        expected = getattr(fm, metric)(y, predicted, sensitive_features=g)
        assert value == pytest.approx(expected, nan_ok=True), metric
    assert (result.table["low"] <= result.table["value"] + 1e-12).all()
    assert (result.table["value"] <= result.table["high"] + 1e-12).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_undefined_rates_as_fairlearn_counts_them(seed):
    rng = np.random.default_rng(seed)
    y, predicted, g = rng.integers(0, 2, 12), rng.integers(0, 2, 12), rng.integers(0, 4, 12)
    result = fairness(y, predicted, g, undefined="fairlearn")
    for metric in ("demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"):
        assert values(result)[metric] == pytest.approx(getattr(fm, metric)(y, predicted, sensitive_features=g))


def test_rates_by_group_are_fairlearns_and_agree_with_each_other():
    y, predicted, g = random_task(5, 4, 500)
    by_group = fairness(y, predicted, g).by_group
    rates = {"selection_rate": fm.selection_rate, "precision_score": precision_score, "true_positive_rate": fm.true_positive_rate}
    expected = fm.MetricFrame(metrics=rates, y_true=y, y_pred=predicted, sensitive_features=g).by_group
    for name in rates:
        assert by_group[name].to_numpy() == pytest.approx(expected[name].to_numpy(float))
    share = by_group["n_pos"] / by_group["n"]
    tpr, fpr, ppv = (by_group[name] for name in ("true_positive_rate", "false_positive_rate", "precision_score"))
    assert by_group["selection_rate"].to_numpy() == pytest.approx((share * tpr + (1 - share) * fpr).to_numpy())
    assert fpr.to_numpy() == pytest.approx((share / (1 - share) * (1 - ppv) / ppv * tpr).to_numpy())


def test_perfect_and_constant_classifiers():
    y, g = bits("1110 1000"), np.array(list("aaaabbbb"))
    perfect = values(fairness(y, y, g))
    assert perfect["equalized_odds_difference"] == 0
    assert perfect["demographic_parity_difference"] == 0.5  # the gap of the base rates
    for constant, ratio in ((np.ones(8, int), 1.0), (np.zeros(8, int), np.nan)):
        found = values(fairness(y, constant, g))
        assert found["demographic_parity_difference"] == found["equalized_odds_difference"] == 0
        assert found["demographic_parity_ratio"] == pytest.approx(ratio, nan_ok=True)


def test_one_group_is_equal_to_itself():
    table = fairness(bits("1010"), bits("1110"), ["a"] * 4).table.loc["group"]
    assert (table.loc[["demographic_parity_difference", "equalized_odds_difference"]] == 0).all(axis=None)
    assert (table.loc[["demographic_parity_ratio", "equalized_odds_ratio"]] == 1).all(axis=None)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_names_order_and_copies_do_not_matter(seed, times):
    y, predicted, g = random_task(seed, 4, rows=40)
    found = fairness(y, predicted, g)
    renamed = np.array(["z", "m", "a", "k"])[g]
    assert values(fairness(y, predicted, renamed)).to_numpy() == pytest.approx(values(found).to_numpy(), nan_ok=True)
    order = np.random.default_rng(seed).permutation(len(y))
    pd.testing.assert_frame_equal(fairness(y[order], predicted[order], g[order]).table, found.table)
    repeated = fairness(*(np.tile(part, times) for part in (y, predicted, g)))
    assert values(repeated).to_numpy() == pytest.approx(values(found).to_numpy(), nan_ok=True)


def test_every_column_by_itself():
    y, predicted, g = random_task(0)
    frame = pd.DataFrame({"first": g, "second": g % 2}, index=np.arange(len(y))[::-1])
    both = fairness(y, predicted, frame).table
    for column in frame:
        pd.testing.assert_frame_equal(fairness(y, predicted, frame[column]).table, both.loc[[column]])


def test_another_favourable_label():
    y, predicted, g = random_task(3)
    expected = fairness(y, predicted, g).table
    pd.testing.assert_frame_equal(fairness(y + 1, predicted + 1, g, pos_label=2).table, expected)
    words = np.array(["denied", "granted"])
    pd.testing.assert_frame_equal(fairness(words[y], words[predicted], g, pos_label="granted").table, expected)


@pytest.mark.parametrize(
    ("groups", "rows", "rate", "expected"), [(10, 100, 0.3, 0.141), (10, 1000, 0.3, 0.045), (2, 100, 0.3, 0.052)]
)
def test_parity_still_shows_a_gap_by_chance(groups, rows, rate, expected):
    # E[max - min] of K normal means: d2(K) sqrt(p (1 - p) / n), d2 from control charts
    even = bands.Rate(np.full(groups, int(rate * rows)), np.full(groups, rows))
    mean, p = bands.chance_level(expected, [even], np.random.default_rng(0))
    assert mean == pytest.approx(expected, rel=0.03)
    assert 0.2 < p < 0.8


@pytest.mark.parametrize("groups", [2, 5, 10])
def test_intervals_reach_zero_under_parity(groups):
    rng = np.random.default_rng(groups)
    held = []
    for _ in range(300):
        rate = bands.Rate(rng.binomial(80, 0.3, groups), np.full(groups, 80))
        low, _ = bands.difference_interval(np.ptp(rate.value), [rate], 0.95, rng)
        held.append(low == 0)
    assert 0.92 <= np.mean(held) <= 0.99


def test_two_large_groups_have_the_usual_interval():
    hits, trials = np.array([600, 450]), np.array([1000, 900])
    rate = bands.Rate(hits, trials)
    found = bands.difference_interval(0.1, [rate], 0.95, np.random.default_rng(0))
    assert found == pytest.approx(confint_proportions_2indep(600, 1000, 450, 900, method="newcomb"), abs=0.004)
    alone = bands.Rate(hits[:1], trials[:1])
    assert bands.minimum_interval(alone, 0.95) == pytest.approx(proportion_confint(600, 1000, method="wilson"))


def test_the_lowest_of_many_groups_is_bounded_for_all_of_them():
    rng = np.random.default_rng(0)
    held = []
    for hits in rng.binomial(200, 0.7, (1000, 10)):
        low, high = bands.minimum_interval(bands.Rate(hits, np.full(10, 200)), 0.95)
        held.append(low <= 0.7 <= high)
    assert np.mean(held) >= 0.94  # limits for one group at a time hold in 0.78


def test_the_same_seed_gives_the_same_intervals():
    task = random_task(1)
    pd.testing.assert_frame_equal(fairness(*task, seed=3).table, fairness(*task, seed=3).table)
    assert not fairness(*task, seed=3).table.equals(fairness(*task, seed=4).table)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "groups", "options", "words"),
    [
        ([], [], [], {}, "no rows"),
        ([0, 1], [0, 1], ["a"], {}, "one entry per row"),
        ([0, 1], [0], ["a", "b"], {}, "one entry per row"),
        ([0, 1], [0, 1], ["a", None], {}, "empty in row 1"),
        ([0, 1], [0, 1], [1.0, np.nan], {}, "empty in row 1"),
        ([0.0, np.nan], [0, 1], ["a", "b"], {}, "missing values"),
        ([2, 3], [2, 3], ["a", "b"], {}, "pos_label="),
        ([2, 3], [2, 3], ["a", "b"], {"pos_label": 1}, "occurs neither"),
        ([0, 1], [0, 1], ["a", "b"], {"undefined": "zero"}, "'nan_skip' or 'fairlearn'"),
        ([0, 1], [0, 1], ["a", "b"], {"level": 95}, "between 0 and 1"),
        ([0, 1], [0, 1], [["a"], ["b"]], {}, "1-D array"),
        ([0, 1], [0, 1], pd.DataFrame(index=[0, 1]), {}, "no column"),
    ],
)
def test_bad_input_is_one_sentence(y_true, y_pred, groups, options, words):
    with pytest.raises(ValueError, match=words):
        fairness(y_true, y_pred, groups, **options)
