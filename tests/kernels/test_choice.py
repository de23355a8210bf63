"""The backend that `auto` selects, by this machine's table of measured times if there is one."""

import json
import os

import pytest
import torch
from torch.nn import functional as F

from labkit.kernels import Topology, choice, fixed_fan_in
from labkit.kernels.speed import problem


def row(density, batch, cpu, dense, kept):
    times = {"cpu_us": cpu, "dense_us": dense, "kept_us": kept}
    return {"inputs": 100, "outputs": 100, "density": density, "batch": batch, **times}


@pytest.fixture
def own_table(tmp_path, monkeypatch):
    """A table of this machine in which dense wins at high density, and a cached weight at batch 1."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rows = [row(0.9, 1, 10, 30, 2), row(0.9, 512, 100, 50, 40), row(0.1, 1, 10, 30, 2), row(0.1, 512, 10, 50, 40)]
    choice.save_table({"cpu": choice.cpu_name(), "threads": 2, "rows": rows})
    yield tmp_path / "labkit" / "kernels.json"
    monkeypatch.undo()
    for cached in (choice.table, choice._choose_cpu, choice.cached_dense_is_faster):
        cached.cache_clear()


def test_the_faster_backend_is_selected(own_table):
    assert choice.choose(400, 100, 90, 85).backend == "dense"
    assert choice.choose(400, 100, 90, 12).backend == "cpu"
    assert choice.choose(1, 100, 90, 85).backend == "cpu"
    assert choice.choose(0, 100, 90, 85).backend == "cpu"
    assert choice.cached_dense_is_faster(1, 100, 100, 10)
    assert not choice.cached_dense_is_faster(512, 100, 100, 10)
    assert not choice.cached_dense_is_faster(1, 1000, 1000, 100)  # too large to cache


def test_the_choice_is_explained_and_does_not_change_the_product(own_table):
    x, (dense, values, index) = torch.randn(300, 100), problem(100, 40, 0.1)
    for where in (index, Topology(index, 100)):
        y, why = fixed_fan_in(x, values, where, explain=True)
        assert (why.backend, "50 us" in why.reason) == ("dense", True)
        torch.testing.assert_close(y, F.linear(x, dense), rtol=1e-4, atol=1e-4)
        assert fixed_fan_in(x, values, where, backend="cpu", explain=True)[1] == ("cpu", "requested")
    leaves = [x.requires_grad_(), values.requires_grad_()]
    ours = torch.autograd.grad(fixed_fan_in(leaves[0], leaves[1], index).square().sum(), leaves)
    theirs = torch.autograd.grad(fixed_fan_in(leaves[0], leaves[1], index, backend="reference").square().sum(), leaves)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_the_table_of_another_processor_is_ignored(own_table):
    own_table.write_text(json.dumps({"cpu": "another", "threads": 2, "rows": [row(0.9, 1, 10, 30, 2)]}))
    choice.table.cache_clear()
    assert choice.table() == json.loads(choice.SHIPPED.read_text())


def _with(**changed):
    return json.dumps({"cpu": choice.cpu_name(), "rows": [row(0.9, 1, 10, 30, 2) | changed]})


BAD = {
    "empty": "",
    "truncated": _with()[:-9],
    "another document": "{}",
    "a list": "[]",
    "a number": "5",
    "without rows": json.dumps({"cpu": choice.cpu_name(), "rows": []}),
    "rows that are numbers": json.dumps({"cpu": choice.cpu_name(), "rows": [1]}),
    "rows of another version": json.dumps({"cpu": choice.cpu_name(), "rows": [{"inputs": 3, "time": 1}]}),
    "a word for a time": _with(cpu_us="fast"),
    "None for a time": _with(dense_us=None),
    "NaN": _with(kept_us=float("nan")),
    "no inputs": _with(inputs=0),
    "a negative density": _with(density=-0.5),
    "a huge number": _with(batch=10**400),
    "no UTF-8": "\udcff",
    "brackets": "[" * 100_000,
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_table_is_ignored_with_one_warning_that_names_it(own_table, content):
    own_table.write_bytes(content.encode(errors="surrogateescape"))
    choice.table.cache_clear()
    with pytest.warns(UserWarning, match=r"kernels\.json is ignored .* labkit kernels --measure") as said:
        found = [choice.choose(batch, 3072, 768, 77).backend for batch in (64, 16)]
    assert found == ["cpu", "cpu"]
    assert len(said) == 1
    assert len(str(said[0].message)) < 400
    assert choice.table() == json.loads(choice.SHIPPED.read_text())


def test_a_pipe_or_folder_in_place_of_the_table_is_ignored(own_table):
    for make in (os.mkfifo, os.mkdir):
        own_table.unlink()
        make(own_table)
        choice.table.cache_clear()
        with pytest.warns(UserWarning, match="it is no file"):
            found = choice.table()
        assert found == json.loads(choice.SHIPPED.read_text())
        if make is os.mkdir:
            own_table.rmdir()


def test_the_shipped_table_is_complete():
    rows = json.loads(choice.SHIPPED.read_text())["rows"]
    cells = {(r["inputs"], r["outputs"], r["density"], r["batch"]) for r in rows}
    assert cells == {(*shape, d, b) for shape in choice.SHAPES for d in choice.DENSITIES for b in choice.BATCHES}
    assert all(r[f"{backend}_us"] > 0 for r in rows for backend in ("cpu", "dense", "kept"))
