"""Measures added to several stored runs, step by step."""

import numpy as np
import pytest

from labkit import runs
from labkit.audit import MEASURES, Measure, register_measure

OF_ADULT = [run for run in runs.gallery().ids() if runs.gallery().run(run).model == "mlp_adult"]


@pytest.fixture
def share():
    before = dict(MEASURES)
    compute = lambda evidence: float(np.bincount(evidence.predicted).max() / len(evidence.predicted))  # noqa: E731
    yield register_measure(Measure("toy_share", "largest share", compute=compute, when="asked"))
    MEASURES.clear()
    MEASURES.update(before)


def shares(store):
    return {run.id: run.summary["toy_share"] for run in store.runs() if "toy_share" in run.summary}


def test_runs_are_measured_one_after_the_other_and_what_was_measured_before_a_stop_is_kept(tmp_path, share):
    own, shelf = runs.Store(tmp_path), runs.Library(runs.gallery())
    steps = runs.measure_runs(shelf, OF_ADULT[:3], ["toy_share"], into=own)
    seen = []
    for step in steps:
        seen.append(step)
        if step.done == 1:
            break
    steps.close()
    assert list(shares(own)) == OF_ADULT[:1]
    done = [step.done for step in seen]
    assert done == sorted(done)
    assert sum(0 < part < 1 for part in done) == 9  # 9,045 examples, 1,000 at a time
    assert {(step.total, step.measures, step.failures) for step in seen} == {(3, ("toy_share",), ())}
    again = runs.Store(tmp_path / "again")
    runs.measure_run(runs.gallery(), OF_ADULT[0], ["toy_share"], into=again)
    assert shares(again) == shares(own)
    predicted = runs.gallery().audit_of(OF_ADULT[0]).predictions["predicted"]
    assert shares(own)[OF_ADULT[0]] == pytest.approx(predicted.value_counts(normalize=True).max(), abs=1e-3)


def test_a_run_that_fails_is_told_and_the_others_are_measured(tmp_path, share):
    own = runs.Store(tmp_path)
    shelf = runs.Library(runs.gallery())
    run = shelf.run(OF_ADULT[0])
    trained = next(run.id for run in runs.gallery().runs() if run.method.startswith(runs.TRAINED) and not run.has_weights)
    *_, last = runs.measure_runs(shelf, [trained, run.id], ["toy_share"], into=own)
    assert (last.done, last.total) == (2, 2)
    assert len(last.failures) == 1
    assert trained in last.failures[0]
    assert list(shares(own)) == [run.id]


def test_an_unknown_measure_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match="unknown measure 'toy_shar'"):
        next(runs.measure_runs(runs.gallery(), OF_ADULT[:1], ["toy_shar"], into=runs.Store(tmp_path)))
