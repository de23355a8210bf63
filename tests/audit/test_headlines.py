"""An audit's figures in words: known numbers, what is good and bad news, and nothing that was not measured."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import audit, runs
from labkit.audit import headlines
from labkit.audit.formats import FORMATS, percent, points, signed, size
from labkit.data import Split

MINUS = "\N{MINUS SIGN}"
WHOLE = {
    "accuracy": 0.9238,
    "accuracy_low": 0.9184,
    "accuracy_high": 0.9288,
    "accuracy_change": -0.002,
    "accuracy_change_low": -0.005,
    "accuracy_change_high": 0.001,
    "worst_class_change": -0.0234,
    "harmed_classes": 2.0,
    "unclear_classes": 1.0,
    "affected_classes": 3.0,
    "worst_group_accuracy[sex]": 0.8123,
    "worst_group_accuracy[race]": 0.7456,
    "eod[sex]": 0.081,
    "eod[race]": 0.1234,
    "dpd[sex]": 0.2,
    "bytes": 5_067_464.0,
    "bytes_ratio": 0.248,
    "latency_ms": 1.2345,
    "latency_ratio": 0.52,
    "latency_ratio_low": 0.5,
    "latency_ratio_high": 0.55,
    "throughput_ratio": 1.9,
    "throughput_ratio_low": 1.8,
    "throughput_ratio_high": 2.05,
    "macs": 26_624_000.0,
    "macs_ratio": 1.0,
}


def by_key(**changes):
    return {line.key: line for line in headlines({**WHOLE, **changes})}


def test_known_numbers_in_words():
    lines = headlines(WHOLE)
    assert [(line.title, line.value, line.delta, line.tone) for line in lines] == [
        ("accuracy", "92.38 %", f"{MINUS}0.20 pp ({MINUS}0.50 to +0.10)", "neutral"),
        ("harmed classes", "2", "cannot tell for 1", "bad"),
        ("worst class", f"{MINUS}2.3 pp", "", "bad"),
        ("worst group", "74.6 %", "by race", "neutral"),
        ("equalized odds gap", "12.3 pp", "by race", "neutral"),
        ("size", "5.07 MB", "25 % of uncompressed", "good"),
        ("latency", "52 %", "50 to 55 % of uncompressed", "good"),
        ("throughput", "1.90x", "1.80 to 2.05x of uncompressed", "good"),
        ("multiply-adds", "26.62 M", "100 % of uncompressed", "neutral"),
    ]
    assert [line.key for line in lines] == [
        "accuracy",
        "harmed_classes",
        "worst_class_change",
        "worst_group_accuracy[race]",
        "eod[race]",
        "bytes",
        "latency_ratio",
        "throughput_ratio",
        "macs",
    ]


def test_every_help_is_one_sentence():
    for line in headlines(WHOLE):
        assert line.help.endswith(".")
        assert "\n" not in line.help


def test_minus_is_never_a_hyphen():
    worse = {"accuracy_change": -0.03, "accuracy_change_low": -0.04, "accuracy_change_high": -0.02}
    for line in by_key(**worse).values():
        assert "-" not in line.value + line.delta


@pytest.mark.parametrize(
    ("low", "high", "tone"),
    [(-0.03, -0.001, "bad"), (0.001, 0.03, "good"), (-0.03, 0.03, "neutral"), (-0.03, 0.0, "neutral"), (0.0, 0.03, "neutral")],
)
def test_only_a_change_beyond_chance_is_good_or_bad(low, high, tone):
    found = by_key(accuracy_change=(low + high) / 2, accuracy_change_low=low, accuracy_change_high=high)
    assert found["accuracy"].tone == tone


@pytest.mark.parametrize(("ratio", "tone"), [(0.2, "good"), (0.99, "good"), (1.0, "neutral"), (1.004, "neutral"), (1.02, "bad")])
def test_fewer_bytes_and_multiply_adds_are_good(ratio, tone):
    found = by_key(bytes_ratio=ratio, macs_ratio=ratio)
    assert found["bytes"].tone == found["macs"].tone == tone


@pytest.mark.parametrize("key", ["latency_ratio", "throughput_ratio"])
@pytest.mark.parametrize(("low", "high"), [(0.9, 1.1), (1.0, 1.2), (0.8, 1.0), (math.nan, math.nan), (None, None)])
def test_a_speed_whose_interval_holds_one_or_is_unknown_is_neither_good_nor_bad(key, low, high):
    line = by_key(**{key: 0.7, f"{key}_low": low, f"{key}_high": high})[key]
    assert line.tone == "neutral"
    assert ("cannot tell" in line.delta) == (low is None or math.isnan(low))


@pytest.mark.parametrize(("key", "fast"), [("latency_ratio", 0.9), ("throughput_ratio", 1.1)])
def test_a_speed_beyond_noise_is_good_or_bad(key, fast):
    for value, tone in ((fast, "good"), (1 / fast, "bad")):
        assert by_key(**{key: value, f"{key}_low": 0.999 * value, f"{key}_high": 1.001 * value})[key].tone == tone


@pytest.mark.parametrize(
    ("harmed", "unclear", "tone", "delta"),
    [(0, 0, "good", ""), (0, 2, "neutral", "cannot tell for 2"), (1, 0, "bad", ""), (9, 2, "bad", "cannot tell for 2")],
)
def test_only_classes_harmed_beyond_doubt_are_bad_news(harmed, unclear, tone, delta):
    line = by_key(harmed_classes=harmed, unclear_classes=unclear)["harmed_classes"]
    assert (line.value, line.tone, line.delta) == (f"{harmed:.0f}", tone, delta)
    assert "affected_classes" not in by_key()  # it counts gains too


@pytest.mark.parametrize(("change", "value", "tone"), [(-0.1, f"{MINUS}10.0 pp", "bad"), (0.0, "0.0 pp", "neutral")])
def test_the_worst_class_is_bad_when_a_class_is_harmed(change, value, tone):
    line = by_key(worst_class_change=change, harmed_classes=float(change < 0))["worst_class_change"]
    assert (line.value, line.tone) == (value, tone)


def test_without_a_reference_accuracy_stands_with_its_own_interval():
    line = headlines({"accuracy": 0.9, "accuracy_low": 0.88, "accuracy_high": 0.92})[0]
    assert (line.value, line.delta, line.tone) == ("90.00 %", "88.00 % to 92.00 %", "neutral")


def test_without_a_reference_costs_stand_alone():
    found = {line.key: line for line in headlines({"bytes": 80_000, "macs": 19})}
    assert {key: (line.value, line.delta, line.tone) for key, line in found.items()} == {
        "bytes": ("80.00 kB", "", "neutral"),
        "macs": ("19", "", "neutral"),
    }


@pytest.mark.parametrize("absent", [None, math.nan, np.float32("nan")])
@pytest.mark.parametrize("key", ["accuracy", "worst_class_change", "harmed_classes", "bytes", "latency_ratio", "macs"])
def test_what_was_not_measured_is_left_out(key, absent):
    assert set(by_key()) - set(by_key(**{key: absent})) == {key}
    assert [line for line in headlines({name: value for name, value in WHOLE.items() if name != key}) if line.key == key] == []


def test_groups_that_were_not_measured_give_way_to_those_that_were():
    found = by_key(**{"worst_group_accuracy[race]": math.nan, "eod[race]": None})
    assert found["worst_group_accuracy[sex]"].value == "81.2 %"
    assert found["eod[sex]"].value == "8.1 pp"


def test_nothing_measured_says_nothing():
    assert headlines({}) == []
    assert headlines(dict.fromkeys(WHOLE)) == []
    assert headlines(pd.Series(dtype=float)) == []


def test_a_column_of_any_name_is_named():
    line = headlines({"worst_group_accuracy[age [years]]": 0.5})[0]
    assert line.delta == "by age [years]"


groups = st.dictionaries(st.sampled_from(["sex", "race", "age", "region"]), st.floats(0, 1), min_size=1)


@given(groups=groups)
def test_the_worst_group_and_the_widest_gap_over_all_columns(groups):
    figures = {f"worst_group_accuracy[{name}]": rate for name, rate in groups.items()}
    figures |= {f"eod[{name}]": rate for name, rate in groups.items()}
    worst, gap = headlines(figures)
    assert worst.value == f"{100 * min(groups.values()):.1f} %"
    assert gap.value == f"{100 * max(groups.values()):.1f} pp"
    assert groups[worst.delta.removeprefix("by ")] == min(groups.values())
    assert groups[gap.delta.removeprefix("by ")] == max(groups.values())


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (0.2, 2, "+0.20"),
        (-0.2, 2, f"{MINUS}0.20"),
        (0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (0.004, 2, "0.00"),
        (-0.004, 2, "0.00"),
        (-0.006, 2, f"{MINUS}0.01"),
        (-12.34, 1, f"{MINUS}12.3"),
        (7, 0, "+7"),
        (-0.4, 0, "0"),
    ],
)
def test_signed_numbers(number, digits, text):
    assert signed(number, digits) == text


@pytest.mark.parametrize(
    ("change", "digits", "text"),
    [
        (-0.002, 2, f"{MINUS}0.20 pp"),
        (0.002, 2, "+0.20 pp"),
        (0.0, 2, "0.00 pp"),
        (-0.0, 2, "0.00 pp"),
        (-0.00004, 2, "0.00 pp"),
        (0.0004, 1, "0.0 pp"),
        (-1, 1, f"{MINUS}100.0 pp"),
    ],
)
def test_percentage_points(change, digits, text):
    assert points(change, digits) == text


@pytest.mark.parametrize(("rate", "digits", "text"), [(0.9238, 2, "92.38 %"), (1, 1, "100.0 %"), (0, 2, "0.00 %")])
def test_percentages(rate, digits, text):
    assert percent(rate, digits) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (-0.0, "0 B"),
        (0.4, "0 B"),
        (-0.4, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (999.6, "1.00 kB"),
        (1000, "1.00 kB"),
        (12_345, "12.35 kB"),
        (99_994, "99.99 kB"),
        (99_999, "100 kB"),
        (123_456, "123 kB"),
        (999_499, "999 kB"),
        (999_999, "1.00 MB"),
        (5_067_464, "5.07 MB"),
        (999_999_999, "1.00 GB"),
        (2.5e12, "2.50 TB"),
        (1e15, "1000 TB"),
    ],
)
def test_sizes(count, text):
    assert size(count) == text


def test_a_size_without_a_unit_ends_without_a_space():
    assert [size(count, "") for count in (0, 19, 1500, 26_624_000)] == ["0", "19", "1.50 k", "26.62 M"]


PREFIXES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


@given(count=st.integers(0, 10**15 - 10**12))
def test_a_size_reads_back_within_its_last_digit(count):
    number, unit = size(count).split(" ")
    assert float(number) * PREFIXES[unit] == pytest.approx(count, rel=0.00501, abs=0.5)
    assert float(number) < 1000
    assert len(number.replace(".", "")) <= 4


@given(number=st.floats(-1e6, 1e6), digits=st.integers(0, 4))
def test_a_signed_number_reads_back(number, digits):
    text = signed(number, digits)
    back = float(text.replace(MINUS, "-"))
    assert back == pytest.approx(number, abs=0.500001 * 10**-digits, rel=1e-12)
    assert text[0] == ("+" if back > 0 else MINUS if back < 0 else "0")


@given(ms=st.floats(0.001, 1e5))
def test_a_latency_is_a_plain_number_of_three_digits(ms):
    number, unit = FORMATS["ms"].text(ms).split(" ")
    assert unit == "ms"
    assert "e" not in number
    assert float(number) == pytest.approx(ms, rel=0.00501)


anything = st.none() | st.just(math.nan) | st.floats(min_value=-1e15, max_value=1e15)
summaries = st.fixed_dictionaries({}, optional=dict.fromkeys(WHOLE, anything))


@given(summary=summaries, as_series=st.booleans())
def test_nan_is_never_said(summary, as_series):
    found = headlines(pd.Series(summary, dtype=float) if as_series else summary)
    for line in found:
        for text in (line.value, line.delta):
            assert "nan" not in text.lower()
            assert "None" not in text
        assert not math.isnan(summary[line.key])
        assert line.tone in ("good", "bad", "neutral")


@pytest.mark.parametrize("classes", [2, 3])
def test_the_figures_are_those_of_a_real_audit(classes):
    generator = np.random.default_rng(0)
    groups = pd.DataFrame({"sex": generator.choice(["f", "m"], 200), "age": generator.choice(["20", "40"], 200)})
    split = Split(generator.integers(0, classes, 200), ("a", "b", "c")[:classes], x=np.zeros((200, 1), np.float32), groups=groups)
    logits, reference = generator.normal(size=(2, 200, classes)).astype(np.float32)
    right, was_right = (outputs.argmax(axis=1) == split.labels for outputs in (logits, reference))
    found = {line.title: line for line in headlines(audit.audit_logits(logits, split, reference).summary)}
    assert found["accuracy"].value == f"{100 * right.mean():.2f} %"
    assert found["accuracy"].delta.startswith(points(right.mean() - was_right.mean()))
    worst = min(right[groups[column] == value].mean() for column in groups for value in groups[column].unique())
    assert found["worst group"].value == f"{100 * worst:.1f} %"
    assert ("equalized odds gap" in found) == (classes == 2)
    assert "size" not in found  # nothing but outputs was audited


def test_the_gallery_speaks_of_groups_for_the_census_alone():
    for run in runs.gallery().runs():
        titles = [line.title for line in headlines(run.summary)]
        assert ("worst group" in titles) == ("equalized odds gap" in titles) == (run.model == "mlp_adult")
        assert {"accuracy", "worst class", "harmed classes", "size", "latency", "multiply-adds"} <= set(titles)
