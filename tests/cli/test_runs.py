"""Compress, audit, sweep and ask, from the command line, on bundled data and on the user's own."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PLUGIN = """
from copy import deepcopy
import torch
from labkit.compress import Method, Param, register

def halve(model, *, data=None, seed=0, progress=None, factor):
    small = deepcopy(model)
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.mul_(factor)
    return small

register(Method("toy_scale", "Scale every weight", "none", halve, {"factor": Param(0.1, 1.0, default=0.5)}))
"""


def labkit(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "labkit", *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two runs on mlp_adult."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "toy.py").write_text(PLUGIN)
    grid = "models: [mlp_adult]\nmethods:\n  condense: {sparsity: [0.5, 0.9]}\n"
    (folder / "grid.yaml").write_text(grid)
    answer = labkit("sweep", "grid.yaml", "--json", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return folder, json.loads(answer.stdout)


def test_sweep_makes_each_run_once(made):
    folder, rows = made
    assert [row["parameters"]["sparsity"] for row in rows] == [0.5, 0.9]
    times = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*") if path.is_file()}
    again = json.loads(labkit("sweep", "grid.yaml", "--json", cwd=folder).stdout)
    assert [row["run"] for row in again] == [row["run"] for row in rows]
    assert times == {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*") if path.is_file()}


def test_compress_finds_the_run_of_the_sweep(made):
    folder, rows = made
    answer = labkit("compress", "--model", "mlp_adult", "--method", "condense", "--set", "sparsity=0.9", "--json", cwd=folder)
    facts = json.loads(answer.stdout)
    assert facts["run"] == rows[1]["run"]
    assert facts["summary"]["accuracy"] == rows[1]["summary"]["accuracy"]
    assert "Warning" not in answer.stderr  # on a busy machine it may say that kernels are being compiled


def test_list_show_and_audit_agree(made):
    folder, rows = made
    listed = json.loads(labkit("runs", "list", "--json", cwd=folder).stdout)
    assert {row["run"] for row in listed} >= {row["run"] for row in rows}
    short = rows[0]["run"][:6]
    shown = json.loads(labkit("runs", "show", short, "--json", cwd=folder).stdout)
    audited = json.loads(labkit("audit", "--run", short, "--json", cwd=folder).stdout)
    assert shown["summary"]["accuracy"] == audited["summary"]["accuracy"] == rows[0]["summary"]["accuracy"]
    assert shown["summary"]["dpd[sex]"] == audited["summary"]["dpd[sex]"]


def test_compare_and_recommend(made):
    folder, rows = made
    result = json.loads(labkit("runs", "compare", rows[0]["run"], rows[1]["run"], "--json", cwd=folder).stdout)
    assert result["accuracy"]["change"] == pytest.approx(rows[1]["summary"]["accuracy"] - rows[0]["summary"]["accuracy"])
    lax = json.loads(labkit("runs", "recommend", "--accuracy-drop", "off", "--harmed-classes", 9, "--json", cwd=folder).stdout)
    assert lax["run"] == rows[1]["run"]
    strict = json.loads(labkit("runs", "recommend", "--accuracy-drop", 0, "--dpd", 0, "--json", cwd=folder).stdout)
    assert strict["run"] is None
    assert "keep the uncompressed model" in strict["reason"]


def test_a_plugin_is_everywhere(made):
    folder, _ = made
    names = {row["method"] for row in json.loads(labkit("--plugin", "toy.py", "methods", "--json", cwd=folder).stdout)}
    assert names >= {"condense", "low_rank", "quantize", "toy_scale"}
    options = ("--model", "mlp_adult", "--method", "toy_scale", "--set", "factor=1.0", "--json")
    facts = json.loads(labkit("--plugin", "toy.py", "compress", *options, cwd=folder).stdout)
    assert facts["summary"]["accuracy_change"] == 0
    (folder / "toy.yaml").write_text("models: [mlp_adult]\nmethods: {toy_scale: {factor: [0.2, 1.0]}}\n")
    swept = json.loads(labkit("--plugin", "toy.py", "sweep", "toy.yaml", "--processes", 2, "--json", cwd=folder).stdout)
    assert [row["parameters"]["factor"] for row in swept] == [0.2, 1.0]
    assert swept[1]["run"] == facts["run"]


def test_a_timm_model_on_the_users_images(image_folder, tmp_path):
    options = ("--model", "timm:resnet10t", "--method", "quantize", "--data", image_folder, "--size", 32, "--json")
    answer = labkit("compress", *options, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    facts = json.loads(answer.stdout)
    assert facts["summary"]["examples"] == 4
    assert [row["class"] for row in facts["per_class"]] == ["cat", "dog"]


def test_the_gallery_can_be_asked(tmp_path):
    answer = json.loads(labkit("runs", "recommend", "--gallery", "--model", "vit_fashion", "--json", cwd=tmp_path).stdout)
    assert answer["run"]
    assert "1 pp" in answer["reason"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compress", "--model", "mlp_adult", "--method", "condens"], "did you mean 'condense'"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--set", "sparsity"], "NAME=VALUE"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--set", "sparsity=lots"], "needs a number, got 'lots'"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--set", "sparsity=1"], "[0, 1)"),
        (["compress", "--model", "mlp_adult", "--method", "low_rank", "--set", "budget=0"], "(0, 1]"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--set", "layers=blocks.*"], "no layer matches"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--data", "mnist"], "does not take"),
        (["compress", "--model", "timm:resnet10t", "--method", "condense"], "needs data (--data)"),
        (["audit"], "either --model or --run"),
        (["audit", "--run", "abc"], "unknown run"),
        (["sweep"], "either a GRID file or --gallery"),
        (["sweep", "none.yaml"], "does not exist"),
        (["runs", "show", "abc"], "unknown run"),
        (["runs", "recommend"], "no run"),
        (["--plugin", "none.py", "methods"], "does not exist"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(arguments, words, tmp_path):
    answer = labkit(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert words in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
