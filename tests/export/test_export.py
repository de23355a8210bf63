"""Exported networks compute what the network computes, outside labkit."""

import ast
import copy
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from labkit import audit, compress, data, layers, models, runs
from labkit.export import FORMATS, export, export_stages, lower, material_of
from labkit.files import atomic_folder

ROOT = Path(__file__).parents[2]
REFERENCES = ["mlp_adult", "vit_fashion", "resnet_fashion"]
SETTINGS = {"fips": {"budget": 0.5, "steps": 0}, "srigl": {"epochs": 1}}


@pytest.fixture(scope="module")
def census():
    return data.load("adult")


@pytest.fixture(scope="module")
def network():
    return models.load("mlp_adult")


def audited(small, split):
    part = split.subset(slice(0, 200))
    return small, audit.audit(small, part, cost=False), part


def own_layers(model):
    """Modules that are labkit's own layers."""
    return [module for module in model.modules() if type(module) in layers.manifest.LAYERS.values()]


def stored_weights(model):
    return sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("method", [name for name in compress.METHODS if compress.METHODS[name].needs != "training"])
def test_every_method_in_onnxruntime_and_torch_export(tmp_path, name, method):
    ort = pytest.importorskip("onnxruntime")
    dense, dataset = models.load(name), data.load(models.get_recipe(name).data)
    if method == "fips" and name != "vit_fashion":
        pytest.skip("no feed-forward block")
    small = compress.METHODS[method](dense, data=dataset, **SETTINGS.get(method, {}))
    small, found, part = audited(small, dataset.test)
    x = part.inputs(slice(0, 33))
    with torch.no_grad():
        wanted = small(x).numpy()
    near = (0.1 if method == "quantize" else 1e-3) * np.abs(wanted).max()  # rounding of activations moves values by whole steps
    made = export((small, found), format="onnx", folder=tmp_path / "onnx", data=part)
    session = ort.InferenceSession(str(tmp_path / "onnx" / "model.onnx"), providers=["CPUExecutionProvider"])
    got = session.run(None, {"inputs": x.numpy()})[0]
    assert np.abs(got - wanted).max() <= near
    assert made.check.stored == 1.0 or method == "quantize"
    export((small, found), format="torchexport", folder=tmp_path / "pt2", data=part)
    got = torch.export.load(tmp_path / "pt2" / "model.pt2").module()(x).detach().numpy()
    assert np.abs(got - wanted).max() <= near


@pytest.mark.parametrize("method", ["condense", "magnitude", "low_rank", "quantize"])
def test_a_lowered_network_has_no_layer_of_labkit(network, census, method):
    small = compress.METHODS[method](network, data=census)
    x = census.test.inputs(slice(0, 50))
    plain = lower(small)
    assert own_layers(small)
    assert not own_layers(plain.network)
    assert {choice.path for choice in plain.choices} == {
        path for path, layer in small.named_modules() if layer in own_layers(small)
    }
    with torch.no_grad():
        torch.testing.assert_close(plain.network(x), small(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "form"),
    [({"sparsity": 0.98}, "gather"), ({"sparsity": 0.9}, "nonzeros"), ({"sparsity": 0.2}, "dense")],
)
def test_the_smaller_form_of_a_condensed_layer_is_chosen_and_its_bytes_said(settings, form):
    dense = nn.Linear(300, 200).eval()
    fan_in = round(300 * (1 - settings["sparsity"]))
    small = nn.Sequential(layers.FixedFanInLinear.from_dense(dense, fan_in=fan_in)).eval()
    plain = lower(small)
    (choice,) = plain.choices
    assert (choice.path, choice.form, choice.dense) == ("0", form, 4 * 300 * 200)
    assert choice.bytes == min(200 * fan_in * (4 + 2), 4 * 300 * 200)
    assert choice.bytes + 4 * 200 == stored_weights(plain.network)
    assert f"{choice.bytes:,} bytes" in plain.notes()[0]
    x = torch.randn(7, 5, 300)
    torch.testing.assert_close(plain.network(x), small(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["conv", "grouped", "strided"])
@pytest.mark.parametrize("form", ["fixed_fan_in", "bitmask", "int8", "low_rank"])
def test_convolutions_are_lowered(kind, form):
    torch.manual_seed(0)
    more = {"conv": {"padding": 1}, "grouped": {"groups": 2}, "strided": {"stride": 2, "padding": 1, "padding_mode": "circular"}}[
        kind
    ]
    conv = nn.Conv2d(4, 8, 3, **more).eval()
    if form == "low_rank" and kind == "grouped":
        pytest.skip("no low-rank form")
    made = {
        "fixed_fan_in": lambda: layers.FixedFanInConv2d.from_dense(conv, sparsity=0.8),
        "bitmask": lambda: layers.BitmaskConv.from_dense(conv, sparsity=0.8),
        "int8": lambda: layers.Int8Conv.from_dense(conv),
        "low_rank": lambda: layers.LowRankConv2d.from_dense(conv, rank=3),
    }[form]()
    x = torch.randn(2, 4, 9, 9)
    torch.testing.assert_close(lower(nn.Sequential(made.eval())).network(x), made(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spatial", [0, 2])
@pytest.mark.parametrize("widens", [True, False])
def test_a_shared_basis_stays_one_tensor(widens, spatial):
    torch.manual_seed(0)
    base, factor = nn.Parameter(torch.randn(8, 4)), torch.randn(20, 4) * (torch.rand(20, 4) < 0.3)
    kinds = {0: lambda **more: layers.SharedBasisLinear(**more), 2: lambda **more: layers.SharedBasisConv(spatial=2, **more)}
    pair = [
        kinds[spatial](base=base, factor=factor, bias=torch.randn(20 if wide else 8), widens=wide) for wide in (widens, not widens)
    ]
    small = nn.Sequential(*pair).eval()
    plain = lower(small).network
    x = torch.randn(3, 8 if widens else 20, *(5,) * spatial)
    torch.testing.assert_close(plain(x), small(x), rtol=1e-4, atol=1e-4)
    assert plain[0].base is plain[1].base


@pytest.mark.slow
def test_eight_bit_weights_stay_eight_bits_in_onnx(tmp_path, census):
    onnx = pytest.importorskip("onnx")
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(97, 512), nn.ReLU(), nn.Linear(512, 2)).eval()
    sizes = {}
    for name, small in (("dense", dense), ("int8", compress.quantize(dense, mode="weight_only"))):
        small, found, part = audited(small, census.test)
        sizes[name] = export((small, found), format="onnx", folder=tmp_path / name, data=part).bytes
    graph = onnx.load(tmp_path / "int8" / "model.onnx").graph
    assert [node.op_type for node in graph.node].count("DequantizeLinear") == 2
    assert sizes["int8"] < 0.32 * sizes["dense"]
    assert not any(str(ROOT) in str(part) for part in (graph, *graph.node))


@pytest.mark.parametrize(
    "name", ["script", pytest.param("safetensors", marks=pytest.mark.slow), pytest.param("torchexport", marks=pytest.mark.slow)]
)
def test_the_loading_script_runs_in_a_fresh_process(tmp_path, network, census, name):
    small, found, part = audited(compress.condense(network, sparsity=0.9), census.test)
    folder = tmp_path / "taken"
    made = export((small, found), format=name, folder=folder, data=part)
    assert set(made.files) == {path.name for path in folder.iterdir()}
    assert json.loads((folder / "audit.json").read_text()) == found.to_dict()
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse((folder / "load.py").read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert ("labkit" in imported) == ("not labkit" not in FORMATS[name].needs)
    there = {} if "labkit" not in imported else {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", folder / "load.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), **there},
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 1e-4


def test_a_network_with_other_outputs_is_not_written(tmp_path, network, census):
    _, found, part = audited(compress.condense(network, sparsity=0.9), census.test)
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.fc3.weight.neg_()
    with pytest.raises(ValueError, match="does not compute what the network computes"):
        export((other, found), format="script", folder=tmp_path / "taken", data=part)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists already"), atomic_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [(3, TypeError, "a run, or a network and its audit"), ((nn.Linear(2, 2), None), ValueError, "give them with data=")],
)
def test_wrong_material_is_one_sentence(what, error, words):
    with pytest.raises(error, match=words):
        material_of(what)


def test_an_unknown_format_is_one_sentence(tmp_path, network):
    with pytest.raises(ValueError, match="unknown format 'onix'; did you mean 'onnx'"):
        export((network, None), format="onix", folder=tmp_path / "x")


def test_missing_packages_are_named_with_the_remedy(monkeypatch, tmp_path, network):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r'needs onnx and onnxscript and onnxruntime; install them with pip install "labkit\[export\]"'
    ):
        export((network, None), format="onnx", folder=tmp_path / "x")


def test_a_stored_run_is_exported(tmp_path, network, census):
    small = compress.condense(network, sparsity=0.9)
    config = {"method": "condense", "version": 2, "parameters": {"sparsity": 0.9}, "model": "mlp_adult", "data": "adult"}
    found = audit.audit(small, census.test, reference=network, cost=False)
    run = runs.Store(tmp_path / "runs").save(small, audit=found, config=config)
    made = export(run, format="script", folder=tmp_path / "taken")
    assert made.check.stored == 1.0
    assert run.id in (made.folder / "README.md").read_text()


def test_two_exports_at_a_time_and_one_that_is_left(tmp_path, census, network):
    small, found, part = audited(network, census.test)
    left = export_stages((small, found), format="torchexport", folder=tmp_path / "left", data=part)
    assert [next(left).doing for _ in range(3)] == ["opening the network", "writing the network", "comparing its outputs"]
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(export, (small, found), format="torchexport", folder=tmp_path / name, data=part) for name in "ab"]
        assert all(one.result().check.agreement == 1 for one in both)
    left.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
