"""Times of stored runs relative to each other, against simulation and against what was stored."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from labkit import runs
from labkit.cost.paired import paired_ratio
from labkit.runs.gallery_runs import GALLERY


class Stored:
    """What `speed_change` reads of an audit."""

    def __init__(self, ratio, low, high, sha="ref"):
        names = ("latency_ratio", "latency_ratio_low", "latency_ratio_high")
        self.summary = pd.Series(dict(zip(names, (ratio, low, high), strict=True)), dtype=float).dropna()
        self.reference_sha, self.cost = sha, None


def test_two_runs_are_compared_by_their_ratios_to_the_reference():
    change = runs.speed_change(Stored(0.5, 0.5, 0.5), Stored(0.75, 0.7, 0.8))
    assert (change.ratio, change.low, change.high) == pytest.approx((1.5, 1.4, 1.6))
    assert change.certain
    assert str(change) == "150 % (140 to 160 %)"


def test_a_run_beside_itself_is_about_the_same():
    for width, words in ((0.02, "about the same speed"), (0.3, "cannot tell")):  # a wide interval says nothing
        stored = Stored(0.5, 0.5 - width, 0.5 + width)
        change = runs.speed_change(stored, stored)
        assert change.low < 1 == change.ratio < change.high
        assert not change.certain
        assert str(change).endswith(words)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (Stored(0.9, np.nan, np.nan), "the second run was stored without the interval"),
        (Stored(np.nan, np.nan, np.nan), "the second run was not timed beside a reference"),
        (Stored(0.9, 0.8, 1.0, sha="other"), "different reference networks"),
    ],
)
def test_what_cannot_be_told_says_why(second, words):
    change = runs.speed_change(Stored(0.5, 0.4, 0.6), second)
    assert words in str(change)
    assert str(change).startswith("cannot tell")
    assert np.isnan(change.ratio)
    assert not change.certain


def test_the_interval_of_two_sittings_holds_the_true_ratio():
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        found = []
        for true in (1.2, 0.9):  # of the model to the reference
            times = np.exp(0.1 * rng.standard_t(4, size=(80, 2))) * [true, 1.0]
            ratio = paired_ratio(times)
            found.append(Stored(1 / ratio.value, 1 / ratio.high, 1 / ratio.low))
        change = runs.speed_change(*found)
        held.append(change.low <= 0.9 / 1.2 <= change.high)
    assert np.mean(held) > 0.92


def test_milliseconds_stand_with_machine_and_date():
    shelf = runs.Library(runs.gallery())
    ids = list(shelf.table("mlp_adult").index)
    for run, note in runs.timing_notes(shelf, ids).items():
        timing = shelf.audit(run).cost.latency
        assert note.startswith(f"{timing.median:.3g} ms for one example")
        assert "thread" in note
        assert ", 2026-" in note


RUN, TRAINED = "693e06088bf6f1e1", "e245210e3c036241"


@pytest.mark.slow
def test_a_gallery_run_is_timed_again_and_nothing_else_changes(tmp_path):
    for name in (RUN, TRAINED):
        shutil.copytree(GALLERY / name, tmp_path / name)
    store, before = runs.Store(tmp_path), runs.gallery().run(RUN)
    assert set(runs.time_again(store, seconds=0.05, budget=0.0, again=True)) == {RUN, TRAINED}  # nothing is begun
    left = runs.time_again(store, seconds=0.05, again=True)
    assert list(left) == [TRAINED]
    assert "trained from scratch" in left[TRAINED]
    after, audit = store.run(RUN), store.audit_of(RUN)  # which compares checksums
    for stem in ("latency_ratio", "throughput_ratio"):
        assert after.summary[f"{stem}_low"] <= after.summary[stem] <= after.summary[f"{stem}_high"]
    same = {name: value for name, value in after.summary.items() if not name.startswith(("latency_", "throughput_"))}
    assert same == {name: value for name, value in before.summary.items() if not name.startswith(("latency_", "throughput_"))}
    assert audit.cost.latency.machine
    assert audit.cost.throughput.batch == 32
    assert (after.id, after.created) == (before.id, before.created)
    for file in ("per_class.parquet", "predictions.parquet"):
        assert (tmp_path / RUN / file).read_bytes() == (GALLERY / RUN / file).read_bytes()
    row = pd.read_parquet(tmp_path / RUN / "metrics.parquet").iloc[0]
    assert row["latency_ratio_high"] == after.summary["latency_ratio_high"]
    stamp = json.loads((tmp_path / RUN / "audit.json").read_text())["cost"]["latency_ms"]["measured"]
    runs.time_again(store, seconds=0.05)  # its interval is known
    assert json.loads((tmp_path / RUN / "audit.json").read_text())["cost"]["latency_ms"]["measured"] == stamp
