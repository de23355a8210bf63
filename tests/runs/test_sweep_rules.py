"""Rules of sparse training and measures in a grid."""

import pytest

from labkit import runs


def test_rules_are_jobs_like_methods():
    grid = {
        "models": ["mlp_adult"],
        "methods": {"quantize": {}},
        "rules": {"srigl": {"sparsity": [0.8, "0.9"], "epochs": 1}, "set": {"update_every": "25"}},
        "measures": ["ece"],
    }
    found = runs.jobs(grid)
    assert [job.method for job in found] == ["quantize", "train_srigl", "train_srigl", "train_set"]
    assert found[1].parameters == {"sparsity": 0.8, "epochs": 1}
    assert found[2].parameters == {"sparsity": 0.9, "epochs": 1}
    assert found[3].parameters == {"update_every": 25}
    assert {tuple(job.measures) for job in found} == {("ece",)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rules": {"srgl": {}}}, "unknown rule 'srgl'; did you mean 'srigl'"),
        ({"rules": {"rigl": {"gamma_sal": 0.3}}}, "unknown parameter of rigl 'gamma_sal'"),
        ({"rules": {"srigl": {"gamma_sal": "much"}}}, "parameter gamma_sal of srigl needs a number, got 'much'"),
        ({"measures": ["acuracy"]}, "unknown measure 'acuracy'; did you mean 'accuracy'"),
        ({"measures": {"ece": {"bins": 3}}}, "unknown parameter of ece 'bins'"),
    ],
    ids=str,
)
def test_bad_rules_and_measures_are_one_sentence(change, words):
    with pytest.raises(ValueError, match=words):
        runs.jobs({"models": ["mlp_adult"], **change})


@pytest.mark.slow
def test_a_rule_is_trained_once_and_measured_further(tmp_path):
    store = runs.Store(tmp_path)
    grid = {"models": ["mlp_adult"], "rules": {"static": {"sparsity": 0.8, "epochs": 1}}}
    first = runs.sweep(grid, store)
    assert first[0].method == "train_static"
    assert first[0].summary["nonzeros_ratio"] < 0.3
    again = runs.sweep(grid, store)
    assert [run.created for run in again] == [run.created for run in first]
    with pytest.raises(ValueError, match=r"mlp_adult: train_static.*trains a reference model on its own data"):
        runs.sweep({**grid, "models": {"mlp_adult": {"num_classes": 2}}}, store)


@pytest.mark.slow
def test_one_run_is_found_without_reading_the_others(tmp_path):
    """Ten thousand runs would be read ten thousand times otherwise."""
    store = runs.Store(tmp_path)
    made = runs.sweep({"models": ["mlp_adult"], "methods": {"quantize": {}}}, store, weights=False)[0]
    for number in range(50):
        (tmp_path / f"{number:016x}").mkdir()
        (tmp_path / f"{number:016x}" / "run.json").write_text("{")  # reading it is not an error, but takes time
    opened = []

    class Watched(runs.Store):
        def runs(self):
            opened.append("all")
            return super().runs()

    watched = Watched(tmp_path)
    assert watched.run(made.id[:10]).id == made.id
    assert runs.sweep({"models": ["mlp_adult"], "methods": {"quantize": {}}}, watched, weights=False)[0].id == made.id
    assert made.id in watched
    assert opened == []
    assert len(watched.ids()) == 51
