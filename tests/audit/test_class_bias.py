"""McNemar, Welch and their intervals against statsmodels, R and known values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import CompareMeans

from labkit.audit import class_bias
from labkit.audit.classes import benjamini_hochberg
from labkit.audit.mcnemar import mcnemar_p, paired_interval
from labkit.audit.wilson import wilson_interval


def runs(*accuracies, images=100):
    """bool [runs, images * classes]: run i gets the share accuracies[i][c] of class c right; and the labels."""
    shares = np.atleast_2d(np.array(accuracies, float))
    hits = np.rint(shares * images).astype(int)
    correct = np.array([np.concatenate([np.arange(images) < h for h in run]) for run in hits])
    return correct, np.repeat(np.arange(shares.shape[1]), images)


@pytest.mark.parametrize(
    ("n01", "n10", "p", "mid"),
    [(2, 10, 0.0385742, 0.0224609), (10, 2, 0.0385742, 0.0224609), (0, 5, 0.0625, 0.03125), (0, 6, 0.03125, 0.015625)],
)
def test_mcnemar_of_known_counts(n01, n10, p, mid):
    assert mcnemar_p(n01, n10) == pytest.approx(p, abs=1e-7)
    assert mcnemar_p(n01, n10, mid=True) == pytest.approx(mid, abs=1e-7)


def test_no_discordant_example_is_no_evidence():
    assert mcnemar_p(0, 0) == 1
    assert mcnemar_p(7, 7) == 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(n01, n10):
    assert mcnemar_p(n01, n10) == pytest.approx(mcnemar([[5, n01], [n10, 3]], exact=True).pvalue, rel=1e-9)


def test_paired_interval_is_that_of_r():
    # PropCIs::diffpropci.mp(b = 40, c = 20, n = 160, conf.level = 0.95) prints these limits
    low, high = paired_interval(40, 20, 160)
    assert low == pytest.approx(-0.21601726, abs=1e-8)
    assert high == pytest.approx(-0.03089632, abs=1e-8)


@given(st.integers(1, 50), st.data())
def test_paired_interval_contains_the_change(n, data):
    n01 = data.draw(st.integers(0, n))
    n10 = data.draw(st.integers(0, n - n01))
    low, high = paired_interval(n01, n10, n)
    assert -1 <= low <= (n10 - n01) / n <= high <= 1


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_that_of_statsmodels(trials, data, level):
    hits = data.draw(st.integers(0, trials))
    found = wilson_interval(np.array(hits), np.array(trials), level)
    assert found == pytest.approx(proportion_confint(hits, trials, 1 - level, method="wilson"), abs=1e-10)


def test_benjamini_hochberg_of_known_values():
    p = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])
    expected = [0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.10571, 0.216, 0.216, 0.216]
    assert benjamini_hochberg(p) == pytest.approx(expected, abs=1e-5)
    assert (benjamini_hochberg(p) < 0.05).sum() == 2


def test_one_run_is_mcnemar_class_by_class():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 900)
    a, b = rng.random(900) < 0.8, rng.random(900) < np.where(labels == 2, 0.4, 0.8)
    frame = class_bias(a, b, labels, classes=list("uvwxyz"))
    for c, row in zip(range(6), frame.itertuples(), strict=True):
        mine = labels == c
        table = [[np.sum(a & b & mine), np.sum(a & ~b & mine)], [np.sum(~a & b & mine), np.sum(~a & ~b & mine)]]
        assert row.p == pytest.approx(mcnemar(table, exact=True).pvalue)
        assert (row.n01, row.n10) == (table[0][1], table[1][0])
        assert row.change == pytest.approx(b[mine].mean() - a[mine].mean())
        assert row.low <= row.change <= row.high
    assert frame["q"].to_numpy() == pytest.approx(multipletests(frame["p"], method="fdr_bh")[1])
    assert frame.index[frame["affected"]].tolist() == ["w"]
    assert frame["null_count"].tolist() == pytest.approx([6 * 0.05] * 6)
    assert frame.loc["w", "change"] < 0


def test_a_class_without_examples_is_nan_and_not_tested():
    a, b = np.array([1, 1, 0, 1], bool), np.array([0, 0, 0, 1], bool)
    frame = class_bias(a, b, np.array([0, 0, 2, 2]), classes=["x", "none", "y"])
    assert frame.loc["none", ["change", "low", "high", "p", "q"]].isna().all()
    assert not frame.loc["none", "affected"]
    tested = frame.drop(index="none")
    assert tested["q"].to_numpy() == pytest.approx(multipletests(tested["p"], method="fdr_bh")[1])
    assert frame["null_count"].iloc[0] == pytest.approx(2 * 0.05)


def test_welch_of_known_values():
    x, labels = runs(*[[v] for v in (0.81, 0.83, 0.80, 0.82, 0.84)])
    y, _ = runs(*[[v] for v in (0.78, 0.77, 0.80, 0.76, 0.79)])
    row = class_bias(x, y, labels, normalise="none").iloc[0]
    assert row["p"] == pytest.approx(0.0039498, abs=1e-7)
    assert row["p_paired"] == pytest.approx(0.0247114, abs=1e-7)
    assert row["change"] == pytest.approx(-0.04)
    expected = CompareMeans.from_data(y.mean(axis=1), x.mean(axis=1)).tconfint_diff(usevar="unequal")
    assert (row["low"], row["high"]) == pytest.approx(expected)


@pytest.mark.parametrize("normalise", ["difference", "ratio", "none"])
def test_several_runs_are_welchs_test_on_normalised_accuracies(normalise):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 400)
    a, b = rng.random((5, 400)) < 0.8, rng.random((4, 400)) < np.where(labels == 1, 0.6, 0.75)
    frame = class_bias(a, b, labels, normalise=normalise)
    take_out = {"difference": np.subtract, "ratio": np.divide, "none": lambda own, overall: own}[normalise]
    for c in range(4):
        x, y = (take_out(run[:, labels == c].mean(axis=1), run.mean(axis=1)) for run in (a, b))
        assert frame.loc[c, "p"] == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
        assert frame.loc[c, "relative_change"] == pytest.approx(y.mean() - x.mean())
        assert frame.loc[c, "change"] == pytest.approx(b[:, labels == c].mean() - a[:, labels == c].mean())
    assert frame["p_paired"].isna().all()  # 5 runs against 4 make no pairs


def test_a_model_that_is_worse_everywhere_by_a_factor_changed_no_class():
    rng = np.random.default_rng(2)
    shares = rng.integers(60, 100, (5, 8)) / 100
    other = rng.integers(60, 100, (5, 8)) / 100
    a, labels = runs(*shares, images=1000)
    b, _ = runs(*other, images=1000)
    scaled, _ = runs(*(other * 0.9), images=1000)
    frames = [class_bias(a, candidate, labels, normalise="ratio") for candidate in (b, scaled)]
    assert frames[0]["p"].to_numpy() == pytest.approx(frames[1]["p"].to_numpy(), rel=1e-9)
    assert class_bias(a, scaled, labels, normalise="none")["p"].max() < frames[1]["p"].max()


def test_runs_without_spread_are_flagged_and_never_significant():
    a, labels = runs(*[[0.9, 0.9, 0.9]] * 5)
    b, _ = runs(*[[0.9, 0.5, 0.9]] * 5)
    frame = class_bias(a, b, labels, normalise="none")
    assert frame["p"].tolist() == frame["p_paired"].tolist() == [1, 1, 1]
    assert frame["degenerate"].tolist() == [False, True, False]
    assert not frame["affected"].any()
    assert not frame[["change", "low", "high", "q"]].isna().any(axis=None)


def test_false_alarms_under_no_change_stay_at_the_level():
    # 1000 classes of 50 images, 5 against 5 runs of one process: 4.4 % fall below 0.05, and none survives the correction
    labels = np.repeat(np.arange(1000), 50)
    rejected, survived = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shares = np.repeat(rng.uniform(0.5, 0.9, 1000), 50)
        frame = class_bias(*(rng.random((5, 50_000)) < shares for _ in range(2)), labels)
        rejected.append((frame["p"] < 0.05).mean())
        survived.append(frame["affected"].sum())
    assert 0.036 < np.mean(rejected) < 0.052
    assert np.mean(np.array(survived) == 0) >= 0.9
    assert frame["null_count"].iloc[0] == pytest.approx(50)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_order_of_rows_and_swap_of_models(seed, classes):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 60)])
    a, b = rng.random(len(labels)) < 0.7, rng.random(len(labels)) < 0.7
    order = rng.permutation(len(labels))
    frame, shuffled, swapped = class_bias(a, b, labels), class_bias(a[order], b[order], labels[order]), class_bias(b, a, labels)
    assert frame.equals(shuffled)
    assert swapped["p"].to_numpy() == pytest.approx(frame["p"].to_numpy())
    assert (-swapped["high"]).to_numpy() == pytest.approx(frame["low"].to_numpy())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"correct_b": np.ones(5, bool)}, ValueError, r"\[5\]"),
        ({"correct_b": np.ones((2, 4), bool)}, ValueError, "both"),
        ({"correct_a": np.ones((1, 4), bool), "correct_b": np.ones((1, 4), bool)}, ValueError, "2 runs or more"),
        ({"correct_a": np.full(4, 0.5)}, TypeError, "correct_a must be bool"),
        ({"labels": np.array([0, 1, 2, -1])}, ValueError, "labels must be int"),
        ({"labels": np.array([], int)}, ValueError, "N > 0"),
        ({"classes": ["only"]}, ValueError, "outside the 1 classes"),
        ({"normalise": "log"}, ValueError, "'difference', 'ratio' or 'none'"),
        ({"level": 5}, ValueError, "between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(change, error, words):
    good = {"correct_a": np.ones(4, bool), "correct_b": np.ones(4, bool), "labels": np.array([0, 1, 0, 1])}
    options = {**good, **change}
    with pytest.raises(error, match=words):
        class_bias(options.pop("correct_a"), options.pop("correct_b"), options.pop("labels"), **options)


def test_a_ratio_to_nothing_is_refused():
    nothing, labels = runs([0, 0], [0.5, 0.5])
    with pytest.raises(ValueError, match="normalise='difference'"):
        class_bias(nothing, nothing, labels, normalise="ratio")
