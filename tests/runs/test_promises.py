"""What the store promises: the same model back, whole or nothing, readable by others; sweeps, comparisons, recommendations."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from torch import nn

from labkit import audit, compress, data, models, runs
from tests.runs.peers import duckdb_rows


@pytest.fixture(scope="module")
def adult():
    return models.load("mlp_adult"), data.load("adult").test


def config(method="condense", **parameters):
    return {"method": method, "parameters": parameters, "data": "adult"}


@pytest.fixture
def stored(adult, tmp_path):
    model, split = adult
    small = compress.condense(model, sparsity=0.8)
    found = audit.audit(small, split, reference=model, seconds=0.01)
    store = runs.Store(tmp_path / "runs")
    return store, store.save(small, audit=found, config=config(sparsity=0.8)), small, found


@pytest.mark.parametrize("name", ["condense", "low_rank", "quantize"])
def test_every_method_comes_back_bit_for_bit(adult, tmp_path, name):
    model, split = adult
    small = compress.METHODS[name](model)
    store = runs.Store(tmp_path)
    run = store.save(small, audit=audit.audit(small, split, reference=model, cost=False), config=config(name))
    again, _ = store.load(run.id)
    x = split.inputs(slice(0, 64))
    assert torch.equal(again(x), small(x))
    assert not list(tmp_path.rglob("*.pkl")) + list(tmp_path.rglob("*.pt"))


def test_the_audit_comes_back(stored):
    store, run, _, found = stored
    _, again = store.load(run.id)
    pd.testing.assert_series_equal(again.summary, found.summary, check_names=False)
    pd.testing.assert_frame_equal(again.per_class, found.per_class)
    pd.testing.assert_frame_equal(again.fairness, found.fairness)
    pd.testing.assert_frame_equal(again.confusion, found.confusion)
    np.testing.assert_array_equal(np.stack(again.predictions["probabilities"]), np.stack(found.predictions["probabilities"]))
    assert again.cost.to_dict() == found.cost.to_dict()


def test_the_same_run_twice_changes_nothing(stored):
    store, run, small, found = stored
    before = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    assert store.save(small, audit=found, config=config(sparsity=0.8)).id == run.id
    assert before == {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    assert len(store.table()) == 1


FACTS = {"method": "m", "version": 1, "parameters": {"a": 1, "b": 2}, "model_sha": "x", "data_id": "y", "seed": 0}


def test_the_id_is_of_all_six_facts_and_of_nothing_else():
    first = runs.run_id(**FACTS)
    assert runs.run_id(**{**FACTS, "parameters": {"b": 2, "a": 1}}) == first
    changed = [{"method": "n"}, {"version": 2}, {"parameters": {"a": 1}}, {"model_sha": "z"}, {"data_id": "z"}, {"seed": 1}]
    assert len({first, *(runs.run_id(**{**FACTS, **change}) for change in changed)}) == 7
    code = f"from labkit.runs import run_id; print(run_id(**{FACTS!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert other.stdout.strip() == first


def test_duckdb_and_polars_read_the_folder(stored):
    store, run, _, found = stored
    query = f"select id, accuracy, \"param.sparsity\" from read_parquet('{store.folder}/*/metrics.parquet', union_by_name = true)"
    assert duckdb_rows(query) == [(run.id, found.summary["accuracy"], 0.8)]
    predictions = polars.read_parquet(f"{store.folder}/*/predictions.parquet")
    assert (predictions["label"] == predictions["predicted"]).mean() == found.summary["accuracy"]
    assert polars.read_parquet(f"{store.folder}/*/per_class.parquet")["class"].to_list() == ["<=50K", ">50K"]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "run.json").unlink(), "run.json is missing"),
        (lambda f: (f / "run.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "run.json").write_text("[]"), "cannot be read"),
        (lambda f: (f / "metrics.parquet").unlink(), "metrics.parquet is missing"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "has 1 bytes instead of"),
    ],
)
def test_damaged_runs_are_listed_with_the_reason(stored, damage, words):
    store, run, small, found = stored
    damage(run.folder)
    assert words in store.table().loc[run.id, "damaged"]
    with pytest.raises(ValueError, match="is damaged"):
        store.load(run.id)
    assert not store.save(small, audit=found, config=config(sparsity=0.8)).damaged  # saving again mends it


def test_a_flipped_byte_is_found_on_loading(stored):
    store, run, _, _ = stored
    flip(run.folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors does not match its checksum"):
        store.load(run.id)


SAVE = """
import os, sys, time
real = {name: getattr(os, name) for name in ("fsync", "rename")}
calls = 0
def paused(name):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            print("pausing", flush=True); time.sleep(60)
        return real[name](*arguments, **options)
    return call
from labkit import audit, compress, data, models, runs
model, split = models.load("mlp_adult"), data.load("adult").test.subset(slice(0, 200))
small = compress.condense(model, sparsity=0.8)
found = audit.audit(small, split, reference=model, cost=False)
for name in real: setattr(os, name, paused(name))  # the process under test is held still at its n-th flush or rename
print(runs.Store(sys.argv[1]).save(small, audit=found, config={"method": "condense"}).id, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", [1, 7, 12, 16, 17])
def test_kill_9_while_saving_leaves_a_readable_store(tmp_path, point):
    folder = tmp_path / "runs"
    process = subprocess.Popen([sys.executable, "-c", SAVE, folder, str(point)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "pausing\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # six files and run.json are flushed, then get their names, the folder is flushed and renamed, at last the store is flushed
    published = point == 17
    table = runs.Store(folder).table()
    assert list(table["damaged"]) == [""] * published
    again = subprocess.run([sys.executable, "-c", SAVE, folder, "0"], capture_output=True, text=True, check=True)
    assert runs.Store(folder).run(again.stdout.strip()).damaged == ""
    assert len(runs.Store(folder).table()) == 1


@pytest.mark.slow
def test_two_processes_saving_the_same_run(tmp_path):
    both = [subprocess.Popen([sys.executable, "-c", SAVE, tmp_path, "0"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    ids = [process.communicate()[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert ids[0] == ids[1]
    assert list(runs.Store(tmp_path).table()["damaged"]) == [""]
    assert [entry.name for entry in tmp_path.iterdir()] == [ids[0]]


def test_a_full_disk_leaves_nothing(stored, tmp_path):
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + SAVE.replace(
        "for name in real:", "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\nfor name in real:"
    )
    answer = subprocess.run([sys.executable, "-c", limited, tmp_path / "full", "0"], capture_output=True, text=True)
    assert "OSError: cannot save run" in answer.stderr
    assert list((tmp_path / "full").iterdir()) == []


def test_an_impossible_folder_is_one_sentence(stored, tmp_path):
    _, _, small, found = stored
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="choose another folder"):
        runs.Store(tmp_path / "file").save(small, audit=found)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.load("mlp_adult")

    def forward(self, x):
        return self.body(x) * 2


def test_a_class_of_the_users_own_needs_its_base(adult, tmp_path):
    _, split = adult
    base = Own().eval()
    small = compress.condense(base, sparsity=0.5)
    store = runs.Store(tmp_path)
    run = store.save(small, audit=audit.audit(small, split, reference=base, cost=False), config=config())
    with pytest.raises(ValueError, match="give base="):
        store.load(run.id)
    again, _ = store.load(run.id, base=base)
    x = split.inputs(slice(0, 9))
    assert torch.equal(again(x), small(x))


def test_a_stack_of_torch_layers_needs_nothing(tmp_path):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 10)
    ).eval()
    split = data.load("mnist").test.subset(slice(0, 50))
    small = compress.condense(model, sparsity=0.5)
    store = runs.Store(tmp_path)
    run = store.save(small, audit=audit.audit(small, split, reference=model, cost=False))
    assert torch.equal(store.load(run.id)[0](split.inputs()), small(split.inputs()))
    figures = store.save(None, audit=audit.audit(model, split, cost=False))
    assert store.load(figures.id)[0] is None


@pytest.mark.slow
def test_a_sweep_in_processes_is_the_sweep(tmp_path):
    grid = {"models": ["mlp_adult"], "methods": {"condense": {"sparsity": [0.5, 0.9]}}}
    serial = runs.sweep(grid, runs.Store(tmp_path / "a"))
    parallel = runs.sweep(grid, runs.Store(tmp_path / "b"), processes=2)
    assert [run.id for run in serial] == [run.id for run in parallel]
    for a, b in zip(serial, parallel, strict=True):
        assert a.summary["accuracy"] == pytest.approx(b.summary["accuracy"], abs=3e-4)  # threads may round a tie otherwise


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"models": ["mlp_adult"]}, "no model or no method"),
        ({"modls": []}, "did you mean 'models'"),
        ({"models": ["mlp_adlt"], "methods": ["condense"]}, "did you mean 'mlp_adult'"),
        ({"models": ["mlp_adult"], "methods": {"condense": {"sparsty": 1}}}, "did you mean 'sparsity'"),
        ([], "mapping"),
    ],
)
def test_bad_grids_are_one_sentence(grid, words):
    with pytest.raises(ValueError, match=words):
        runs.jobs(grid)


def test_compare_is_mcnemars_test(adult):
    model, split = adult
    a, b = (audit.audit(compress.condense(model, sparsity=s), split, reference=model, cost=False) for s in (0.5, 0.8))
    result = runs.compare(a, b)
    right = [x.predictions["predicted"].to_numpy() == split.labels for x in (a, b)]
    table = [
        [(right[0] & right[1]).sum(), (right[0] & ~right[1]).sum()],
        [(~right[0] & right[1]).sum(), (~right[0] & ~right[1]).sum()],
    ]
    assert result.accuracy["p"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert result.accuracy["change"] == pytest.approx(right[1].mean() - right[0].mean())
    json.dumps(result.to_dict())
    with pytest.raises(ValueError, match="different data"):
        runs.compare(a, audit.audit(model, split.subset(slice(0, 100)), cost=False))


@st.composite
def tables(draw):
    n = draw(st.integers(1, 8))
    change = st.floats(-0.1, 0.05)
    rows = [
        {
            "model": "m",
            "method": f"way {i}",
            "data": "d",
            "accuracy": 0.9,
            "accuracy_change": draw(change),
            "affected_classes": float(draw(st.integers(0, 3))),
            "bytes": float(draw(st.integers(1, 50))),
            "bytes_ratio": 0.5,
            "damaged": "",
        }
        for i in range(n)
    ]
    return pd.DataFrame(rows, index=pd.Index([f"run{i}" for i in range(n)], name="id"))


@given(table=tables(), drop=st.floats(0, 0.1), affected=st.integers(0, 3))
@settings(deadline=None)
def test_recommend_is_the_smallest_within_the_limits(table, drop, affected):
    answer = runs.recommend(table, accuracy_drop=drop, affected_classes=affected)
    fits = table[(-table["accuracy_change"] <= drop + 1e-12) & (table["affected_classes"] <= affected)]
    if fits.empty:
        assert answer.id is None
        assert "keep the uncompressed model" in answer.reason
    else:
        assert table.loc[answer.id, "bytes"] == fits["bytes"].min()
        assert answer.id in fits.index
    assert runs.recommend(table, dpd=0.5).id is None  # what was not measured is not kept
