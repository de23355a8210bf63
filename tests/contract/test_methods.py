"""What every method promises, ours and one registered from outside in one file."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from labkit import audit, data, runs
from labkit.audit import model_sha
from labkit.cli import cli
from labkit.compress import METHODS, Choice, Param, load_plugin
from labkit.compress.method import CALIBRATION

OUTSIDE = """
import copy
import torch
from labkit.compress import Choice, Method, Param, register


def scaled(model, *, data=None, seed=0, progress=None, factor, sign):
    small = copy.deepcopy(model)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.mul_(factor * torch.rand(1, generator=noise).to(parameter.dtype))
    return small


params = {"factor": Param(0.5, 1.0, 0.9), "sign": Choice(("plus", "minus"), "plus")}
register(Method("toy_outside", "Scaled from outside", "none", scaled, params, needs="optional"))
"""
NAMES = [*METHODS, "toy_outside"]


@pytest.fixture(autouse=True)
def plugin(tmp_path):
    """The outside method, registered from one file."""
    before = dict(METHODS)
    path = tmp_path / "outside.py"
    path.write_text(OUTSIDE)
    assert load_plugin(path) == ["toy_outside"]
    yield path
    METHODS.clear()
    METHODS.update(before)


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 16)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
    parts = [data.Split(labels[rows], ("a", "b", "c"), x=x[rows]) for rows in np.split(np.arange(240), [120, 160])]
    return data.Dataset("toy", *parts)


def network():
    """Layers that every method finds something in: a feed-forward block, an inner layer and a head."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 3))


def quick(method):
    """Settings with which a method that trains takes a moment: whole numbers, e.g. of epochs, at their least."""
    if method.needs != "training":
        return {}
    return {name: param.low for name, param in method.params.items() if isinstance(param, Param) and param.whole}


def compressed(name, dataset, model=None, seed=0, **settings):
    method = METHODS[name]
    return method(network() if model is None else model, data=dataset, seed=seed, **{**quick(method), **settings})


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_predicts_what_the_network_did(name, dataset, tmp_path):
    base, x = network(), dataset.test.inputs()
    small = compressed(name, dataset, base)
    found = audit.audit(small, dataset.test, reference=base, seconds=0)
    settings = METHODS[name].settings(quick(METHODS[name]))
    config = {"method": name, "version": METHODS[name].version, "parameters": settings, "model": "toy", "data": "toy", "seed": 0}
    store = runs.Store(tmp_path / "runs")
    again, stored = store.load(store.save(small, audit=found, config=config).id, base=base)
    with torch.no_grad():
        assert torch.equal(again(x), small(x))
        assert not torch.equal(small(x), base(x))
    assert not again.training
    assert stored.summary["accuracy"] == found.summary["accuracy"]


@pytest.mark.parametrize("name", NAMES)
def test_the_input_is_untouched(name, dataset):
    model = network().train()
    model[2].eval()
    model[4].weight.requires_grad_(False)
    before, modes = model_sha(model), [module.training for module in model.modules()]
    random = torch.random.get_rng_state()
    small = compressed(name, dataset, model)
    assert model_sha(model) == before
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == [True] * 4 + [False] + [True] * 3
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.equal(torch.random.get_rng_state(), random)
    own = {parameter.data_ptr() for parameter in model.parameters()}
    assert not own & {parameter.data_ptr() for parameter in small.parameters()}  # training one leaves the other


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_network(name, dataset):
    torch.manual_seed(1)
    first = model_sha(compressed(name, dataset, seed=3))
    torch.manual_seed(2)
    assert model_sha(compressed(name, dataset, seed=3)) == first


@pytest.mark.parametrize("name", NAMES)
def test_bad_parameters_are_one_sentence(name, dataset):
    bad = {"no_such_parameter": 1}
    for key, param in METHODS[name].params.items():
        if isinstance(param, Param):
            bad |= {key: "much"}
        elif isinstance(param, Choice) and not param.free:
            bad |= {key: "no such option"}
    for key, value in bad.items():
        with pytest.raises(ValueError, match=key) as caught:
            METHODS[name](network(), data=dataset, **{key: value})
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16, "meta"], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_other_dtypes_and_devices_work_or_are_one_sentence(name, kind, dataset):
    model, small, refusal = network().to(kind), None, ""
    try:
        small = compressed(name, dataset, model)
    except (ValueError, TypeError) as error:
        refusal = str(error)
    if small is None:
        assert "\n" not in refusal
        assert str(kind) in refusal  # says what was given
        return
    x = dataset.test.inputs().to(kind)
    with torch.no_grad():
        assert small(x).dtype == kind
        assert torch.isfinite(small(x)).all()


@pytest.mark.parametrize("name", NAMES)
def test_data_are_asked_for_in_one_sentence(name):
    method, asked = METHODS[name], {**quick(METHODS[name])}
    if method.needs == "nothing":
        assert isinstance(method(network()), nn.Module)
        return
    if method.needs == "optional":
        assert isinstance(method(network()), nn.Module)
        assert method.params["calibration"] is CALIBRATION
        asked["calibration"] = "data"
    with pytest.raises(ValueError, match=rf"^{name}.* needs .*\(data=…\), got none$"):
        method(network(), **asked)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_listed_with_its_parameters(name, plugin):
    shown = CliRunner().invoke(cli, ["--plugin", str(plugin), "methods", "--json"])
    assert shown.exit_code == 0, shown.output
    (row,) = [row for row in json.loads(shown.output) if row["method"] == name]
    assert METHODS[name].title in row.values()
    assert all(key in row["parameters (default)"] for key in METHODS[name].params)
