"""Runs without weights are made again, and compared with what was stored."""

import dataclasses

import pytest
import torch

from labkit import audit, compress, data, models, runs


@pytest.fixture(scope="module")
def shipped():
    return {run.id: run for run in runs.gallery().runs()}


@pytest.mark.parametrize("run", ["d3844f3f687f6618", "9f6813db2fb27ca8", "693e06088bf6f1e1"])
def test_a_shipped_run_has_its_network(shipped, run):
    made = runs.rebuild(shipped[run])
    assert made.agreement >= 0.99
    assert made.exact == (audit.model_sha(made.model) == runs.gallery().audit_of(run).model_sha)
    found = audit.audit(made.model, data.load("adult").test, cost=False)
    assert found.summary["accuracy"] == pytest.approx(shipped[run].summary["accuracy"], abs=0.005)


def test_load_makes_it_again_too(shipped):
    store = runs.gallery()
    small, found = store.load("d3844f3f687f6618")
    assert audit.model_sha(small) == found.model_sha
    again, _ = runs.Library(store).load("d3844f3f687f6618")
    assert audit.model_sha(again) == found.model_sha


@pytest.mark.slow
def test_every_shipped_compressed_run_is_made_again(shipped):
    made = {run.id: runs.rebuild(run) for run in shipped.values() if not run.method.startswith(runs.TRAINED)}
    assert len(made) > 30
    assert all(one.exact or "other rounding" in one.note for one in made.values())
    exact = {run for run, one in made.items() if one.exact}
    # selections and 8-bit codes are the same on every processor; singular vectors are not
    assert {run for run in made if shipped[run].method != "low_rank"} <= exact


def test_a_trained_run_says_that_it_cannot(shipped):
    trained = next(run for run in shipped.values() if run.method.startswith(runs.TRAINED))
    with pytest.raises(ValueError, match=r"was trained from scratch .* train it again and keep the weights"):
        runs.rebuild(trained)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "sorcery"}, "no method sorcery is registered"),
        ({"version": 9}, "made by version 9 of condense, which is now version 2"),
        ({"parameters": {"sparsity": 0.5}}, "made again with another fingerprint, and with other outputs"),
    ],
)
def test_what_is_not_the_run_any_more_is_refused(shipped, changes, words):
    with pytest.raises(ValueError, match=words):
        runs.rebuild(dataclasses.replace(shipped["d3844f3f687f6618"], **changes))


def test_another_network_is_refused(shipped):
    other = models.load("mlp_adult")
    with torch.no_grad():
        next(other.parameters()).add_(1)
    with pytest.raises(ValueError, match="give the network it was compressed from"):
        runs.rebuild(shipped["d3844f3f687f6618"], base=other)


def test_a_run_stored_without_weights_is_made_again(tmp_path):
    network, census = models.load("mlp_adult"), data.load("adult")
    small = compress.magnitude(network, budget=0.25)
    store = runs.Store(tmp_path)
    identity = {"method": "magnitude", "version": compress.METHODS["magnitude"].version, "parameters": {"budget": 0.25}}
    config = {**identity, "model": "mlp_adult", "data": "adult"}
    run = store.save(small, audit=audit.audit(small, census.test, cost=False, reference=network), config=config, weights=False)
    assert runs.rebuild(run).exact
