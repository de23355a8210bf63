"""A toy method from outside, by call, by file and by an installed entry point, does its work in a sweep; half a plugin is none."""

import os
import subprocess
import sys

import pytest

from labkit import runs
from labkit.compress import METHODS, Method, Param, load_plugin, register

PLUGIN = """
import copy
import torch
from torch import nn
from labkit.compress import Method, Param, register


def halve(model, *, data=None, seed=0, progress=None, factor=0.5):
    small = copy.deepcopy(model)
    with torch.no_grad():
        for layer in small.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(factor)
    return small


register(Method("toy_halve", "Toy", "none", halve, params={"factor": Param(0.0, 1.0, 0.5)}))
"""
GRID = {"models": ["mlp_adult"], "methods": {"toy_halve": {"factor": [0.0, 1.0]}}}


@pytest.fixture(autouse=True)
def restored():
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


def swept(folder, **options):
    """Accuracy changes of factor 0, which answers the same for every row, and 1, which is the model itself."""
    found = runs.sweep(GRID, runs.Store(folder), weights=False, **options)
    return [run.summary["accuracy_change"] for run in found]


def test_by_register(tmp_path):
    exec(PLUGIN, {})
    assert METHODS["toy_halve"].params["factor"].default == 0.5
    constant, same = swept(tmp_path)
    assert same == 0
    assert constant < -0.05


@pytest.mark.slow
def test_by_file_also_in_worker_processes(tmp_path):
    path = tmp_path / "my_method.py"
    path.write_text(PLUGIN)
    assert load_plugin(path) == ["toy_halve"]
    assert load_plugin(path) == ["toy_halve"]  # again replaces it
    serial = swept(tmp_path / "serial")
    assert swept(tmp_path / "parallel", processes=2, plugins=(str(path),)) == serial
    assert serial[1] == 0 > serial[0]


@pytest.mark.slow
def test_by_an_installed_entry_point(tmp_path):
    (tmp_path / "toy_package.py").write_text(PLUGIN)
    (tmp_path / "broken_package.py").write_text("raise RuntimeError('no such GPU')")
    info = tmp_path / "toy_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[labkit.methods]\nbroken = broken_package\ntoy = toy_package\n")
    code = f"""
from labkit import runs
from labkit.compress import METHODS
found = runs.sweep({GRID!r}, runs.Store({str(tmp_path / "runs")!r}), weights=False)
print(sorted(METHODS), [run.method for run in found], found[1].summary["accuracy_change"])
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "'toy_halve'" in done.stdout
    assert "'condense'" in done.stdout  # ours are still there
    assert done.stdout.strip().endswith("['toy_halve', 'toy_halve'] 0.0")
    assert "entry point broken (broken_package) of labkit.methods cannot be loaded: RuntimeError: no such GPU" in done.stderr


def test_a_plugin_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "failing.py"
    path.write_text(PLUGIN + "\nimport a_module_that_is_not_there\n")
    before = dict(METHODS)
    with pytest.raises(ValueError, match=r"failing.py failed: ModuleNotFoundError: No module named 'a_module"):
        load_plugin(path)
    assert before == METHODS


def test_a_failing_plugin_gives_back_the_method_it_replaced(tmp_path):
    mine = register(Method("toy_halve", "Mine", "", lambda model, **_: model, params={"factor": Param(0, 1, 1)}))
    (tmp_path / "failing.py").write_text(PLUGIN + "\n1 / 0\n")
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        load_plugin(tmp_path / "failing.py")
    assert METHODS["toy_halve"] is mine


def test_a_plugin_is_a_python_file(tmp_path):
    (tmp_path / "method.txt").write_text(PLUGIN)
    with pytest.raises(ValueError, match=r"method.txt is not a Python file; its name must end in \.py"):
        load_plugin(tmp_path / "method.txt")
