"""Per class: a ruined network, and thousands of classes."""

import copy
import json
import time

import numpy as np
import pytest
import streamlit as st
import torch
from torch import nn

from labkit import data, models, runs
from labkit.audit import audit, audit_logits
from labkit.data import Split

FACTS = {"method": "magnitude", "version": 1, "parameters": {"sparsity": 0.99}, "seed": 0}


@pytest.fixture(autouse=True)
def own_store():
    """Which folder holds the runs is read once a process: read it again, in the folder of this test."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def opened(app, model, run):
    app.run().switch_page("views/per_class/page.py")
    app.query_params["model"], app.query_params["run"] = model, run.id
    return app.run()


@pytest.mark.parametrize("answer", [0, 1])
def test_a_network_that_predicts_one_class_only_is_shown(app, answer):
    net, split = models.load("mlp_adult"), data.load("adult").test
    ruined = copy.deepcopy(net)
    last = [layer for layer in ruined.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([1.0 - answer, answer]))
    found = audit(ruined, split, reference=net, seconds=0)
    run = runs.Store("runs").save(None, audit=found, config={**FACTS, "model": "mlp_adult", "data": "adult"})
    if answer == 0:  # nobody is predicted favourable: the precision of no group is defined, and JSON has no NaN
        rows = json.loads((run.folder / "audit.json").read_text())["by_group"]
        assert {row["precision_score"] for row in rows} == {None}
    page = opened(app, "mlp_adult", run)
    assert not page.exception
    assert not page.error
    shown = page.dataframe[0].value
    assert np.isnan(shown["precision"].iloc[1 - answer])
    assert shown["accuracy"].iloc[answer] == 100


def test_4000_classes_are_shown_in_figures_of_bounded_size(app):
    rng, labels = np.random.default_rng(0), np.arange(4000)
    split = Split(labels, tuple(f"c{i}" for i in range(4000)), x=np.zeros((4000, 2), np.float32))
    logits = [rng.normal(size=(4000, 4000)).astype(np.float32) for _ in range(2)]
    for one in logits:
        one[labels, labels] += 3
    found = audit_logits(logits[0], split, logits[1])
    run = runs.Store("runs").save(None, audit=found, config={**FACTS, "model": "many", "data": "many"})
    page = opened(app, "many", run)
    began = time.process_time()
    page.run()
    assert time.process_time() - began <= 20
    assert not page.exception
    assert not page.error
    assert len(page.dataframe[0].value) == 4000
    charts = [json.loads(item.proto.spec) for item in page.get("plotly_chart")]
    assert len(charts) == 3
    assert all(chart["layout"]["height"] < 4000 for chart in charts)
    assert sum(len(item.proto.spec) for item in page.get("plotly_chart")) < 4_000_000


def test_compare_shows_runs_that_were_audited_without_costs(app):
    labels = np.arange(40) % 4
    split = Split(labels, tuple("abcd"), x=np.zeros((40, 2), np.float32))
    found = audit_logits(np.eye(4)[labels], split, np.eye(4)[labels[::-1]])
    runs.Store("runs").save(None, audit=found, config={**FACTS, "model": "many", "data": "many"})
    app.query_params["model"] = "many"
    app.run()
    assert not app.exception
    assert not app.error
