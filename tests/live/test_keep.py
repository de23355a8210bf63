"""What Live keeps is the run that the command line makes, and it loads in a fresh process."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from labkit import data, live, models, runs
from labkit.cli import cli
from labkit.training import predict

SETTINGS = {"sparsity": 0.8, "layers": "all"}


@pytest.fixture(scope="module")
def adult():
    dataset = data.load("adult")
    return live.session("mlp_adult", dataset.test, dataset)


def test_it_is_the_run_of_the_command_line(adult, tmp_path):
    mine = live.keep(adult, "condense", SETTINGS, runs.Store(tmp_path / "mine"))
    call = ["compress", "--model", "mlp_adult", "--method", "condense", "--set", "sparsity=0.8", "--json"]
    said = CliRunner().invoke(cli, [*call, "--store", str(tmp_path / "other")], catch_exceptions=False)
    other = runs.Store(tmp_path / "other").run(json.loads(said.stdout)["run"])
    assert (mine.id, mine.model, mine.data, mine.parameters) == (other.id, other.model, other.data, other.parameters)
    assert mine.sources == other.sources
    timed = ("latency", "throughput")
    for name, figure in mine.summary.items():
        assert name.startswith(timed) or figure == pytest.approx(other.summary[name], nan_ok=True, abs=1e-12), name
    files = [run.folder / "model.safetensors" for run in (mine, other)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_it_loads_in_a_fresh_process_and_equals(adult, tmp_path):
    run = live.keep(adult, "condense", SETTINGS, runs.Store(tmp_path))
    code = (
        "import sys, numpy as np; from labkit import data, runs; from labkit.training import predict\n"
        f"model, audit = runs.Store({str(tmp_path)!r}).load({run.id!r})\n"
        f"np.save({str(tmp_path / 'outputs.npy')!r}, predict(model, data.load('adult').test))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    from labkit.compress import condense

    wanted = predict(condense(models.load("mlp_adult"), **SETTINGS), adult.split)
    np.testing.assert_array_equal(np.load(tmp_path / "outputs.npy"), wanted)
    assert live.keep(adult, "condense", SETTINGS, runs.Store(tmp_path)).created == run.created  # kept once


def test_a_network_of_ones_own_is_kept_with_where_it_came_from(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    split = data.Split(np.arange(40) % 3, ("a", "b", "c"), x=x)
    sources = {"data": {"name": "rows.csv", "path": "rows.csv", "options": {}}}
    session = live.Session(network, split, sources=sources)
    store = runs.Store(tmp_path)
    steps = list(live.keeping(session, "low_rank", {"budget": 0.8}, store))
    assert [step.share for step in steps] == sorted(step.share for step in steps)
    assert steps[-1].run.sources == sources
    small, audit = store.load(steps[-1].run.id, base=network)
    assert audit.summary["examples"] == 40
    assert predict(small, split).shape == (40, 3)


def test_a_cancelled_one_stores_nothing(adult, tmp_path):
    cancel, store = threading.Event(), runs.Store(tmp_path / "none")
    for step in live.keeping(adult, "condense", SETTINGS, store, cancel):
        if step.share > 0.2:
            cancel.set()
    assert step.run is None
    assert store.ids() == []
