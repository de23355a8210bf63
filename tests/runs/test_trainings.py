"""The table of stored trainings, and what tells them apart."""

import numpy as np
import pandas as pd
import pytest

from labkit import runs, sparsify
from labkit.runs.trainings import rule_titles, stored_trainings, training_summary
from labkit.sparsify import RULES


@pytest.fixture(scope="module")
def shipped():
    return stored_trainings([runs.gallery()])


def test_every_stored_training_is_a_row_with_the_facts_of_its_run(shipped):
    store = runs.gallery()
    wanted = {run.id: run for run in store.runs() if run.method.startswith(runs.TRAINED)}
    assert set(shipped.index) == set(wanted)
    assert len(wanted) > 0
    for name, row in shipped.iterrows():
        run = wanted[name]
        assert (row["network"], runs.TRAINED + row["rule"], row["seed"]) == (run.model, run.method, run.seed)
        assert row["accuracy"] == run.summary["accuracy"]
        assert row["sparsity"] == (0.0 if row["rule"] == "dense" else run.parameters.get("sparsity", 0.9))
        assert row["folder"] == str(store.folder)


def test_trainings_with_the_usual_settings_are_named_after_their_rule(shipped):
    for _, group in shipped.groupby(["network", "rule"]):
        assert (group["name"] == group["rule"]).any()


def test_of_equal_runs_the_first_store_counts_and_no_run_means_no_row(shipped, tmp_path):
    empty = stored_trainings([runs.Store(tmp_path)])
    assert list(empty.columns) == list(shipped.columns)
    assert empty.empty
    assert stored_trainings([runs.gallery(), runs.gallery()]).equals(shipped)


def test_titles_are_those_of_all_rules_also_of_one_from_outside():
    own = sparsify.Rule(name="mine", title="A rule of my own", make=RULES["static"].make)
    sparsify.register_rule(own)
    try:
        titles = rule_titles()
    finally:
        del RULES["mine"]
    assert set(titles) == {*RULES, "mine"}
    assert titles["mine"] == "A rule of my own"
    assert titles["srigl"] == "SRigL"


def test_the_summary_of_a_training_states_its_shares():
    told = pd.DataFrame([{"training": 20.0, "dense_training": 80.0, "inference": 1.0, "dense_inference": 10.0, "seconds": 1234.4}])
    assert training_summary(0.5, told) == (
        "Test accuracy 50.00 %; the training took 25 % of the FLOPs of a dense one and 1,234 s, inference takes 10 % of the FLOPs."
    )
    assert training_summary(np.float64(0.5), None) == "Test accuracy 50.00 %."
