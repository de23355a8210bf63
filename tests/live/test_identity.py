"""An answer belongs to this network, these data and this method: shipped and remembered answers are given for nothing else."""

import copy
import threading
import types
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from labkit import audit, compress, data, live, models
from labkit.audit import MEASURES, Measure, register_measure
from labkit.compress import METHODS, Method, Param, register
from labkit.cost import cost
from labkit.live.fingerprint import difference, fingerprint, fingerprint_of_data
from labkit.registry import Names


@pytest.fixture
def registries():
    before = dict(METHODS), dict(MEASURES)
    yield
    for registry, entries in zip((METHODS, MEASURES), before, strict=True):
        registry.clear()
        registry.update(entries)


def table(rows=60, seed=0):
    x = np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)
    return data.Split((x[:, 0] > 0).astype(np.int64), ("no", "yes"), x=x)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))


def last(method, params, split, model):
    *_, found = live.progressive_audit(method, params, split, model=model, seconds=0)
    return found


def test_a_network_that_is_trained_further_is_compared_with_itself():
    net, split = network(), table()
    before = last("condense", {"sparsity": 0.8}, split, net).audit.summary["reference_accuracy"]
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(split.inputs()), torch.tensor(split.labels)).backward()
        optimizer.step()
    found = last("condense", {"sparsity": 0.8}, split, net)
    wanted = audit.audit(compress.condense(net, sparsity=0.8), split, reference=net, cost=False).summary
    assert found.source == "computed"
    assert wanted["reference_accuracy"] > before + 0.1
    for name in ("accuracy", "reference_accuracy", "accuracy_change"):
        assert found.audit.summary[name] == wanted[name]


def test_nothing_changed_is_an_answer_from_memory_also_of_a_network_in_training():
    net, split = network().train(), table()
    assert [last("condense", {"sparsity": 0.8}, split, net).source for _ in range(2)] == ["computed", "memory"]
    assert all(module.training for module in net.modules())
    net.eval()
    assert last("condense", {"sparsity": 0.8}, split, net).source == "memory"


def test_a_reference_model_answers_from_the_grid_until_anything_about_it_changes():
    split, settings = data.load("fashion_mnist").test, {"sparsity": 0.61, "layers": "inner"}
    first = lambda net: next(live.progressive_audit("condense", settings, split, first=20, model=net, seconds=0))  # noqa: E731
    assert first(models.load("resnet_fashion")).source == "grid"
    other = models.load("resnet_fashion")
    sha = audit.model_sha(other)
    name = next(path for path, module in other.named_modules() if isinstance(module, nn.ReLU))
    parent, _, leaf = name.rpartition(".")
    setattr(other.get_submodule(parent), leaf, nn.Tanh())
    assert audit.model_sha(other) == sha  # the weights alone do not tell
    found = first(other)
    assert found.source == "computed"
    small = compress.METHODS["condense"](other, **settings)
    part = split.subset(live.Session(other, split).order[:20])
    wanted = audit.audit(small, part, reference=other, cost=False).summary
    assert found.audit.summary["reference_accuracy"] == wanted["reference_accuracy"] < 0.8
    hooked = models.load("resnet_fashion")
    hooked.register_forward_hook(lambda module, given, output: -output)
    assert first(hooked).source == "computed"


@pytest.mark.parametrize("again", ["same version", "a constant of its module"])
def test_a_method_that_is_registered_again_is_run_again(registries, again):
    split, net, scope = table(), network(), {"copy": copy, "LEVEL": 1.0}

    def made(factor):
        text = "def apply(model, *, data=None, seed=0, progress=None, top=1.0):\n    small = copy.deepcopy(model)\n"
        text += f"    small[2].weight.data.mul_(LEVEL * {factor})\n    return small\n"
        exec(text, scope)  # a plugin as a notebook defines it
        return Method("toy", "Toy", "none", scope["apply"], {"top": Param(0.0, 2.0, 1.0)})

    register(made(1.0))
    assert [last("toy", {}, split, net).source for _ in range(2)] == ["computed", "memory"]
    if again == "same version":
        register(made(-1.0))
    else:
        scope["LEVEL"] = -1.0
    found = last("toy", {}, split, net)
    assert found.source == "computed"
    assert found.audit.summary["agreement"] < 1


def test_a_measure_that_is_registered_again_is_computed_again(registries):
    split, net = table(), network()
    for value in (1.0, 2.0):
        register_measure(Measure("toy", "Toy", compute=eval(f"lambda evidence: {value}")))
        assert last("condense", {"sparsity": 0.8}, split, net).audit.summary["toy"] == value


def test_a_method_that_replaces_a_shipped_one_gets_no_shipped_grid(registries):
    split = data.load("fashion_mnist").test
    register(replace(METHODS["condense"], apply=lambda model, **_: copy.deepcopy(model)))
    asked = live.progressive_audit("condense", {"sparsity": 0.61}, split, first=20, model="resnet_fashion", seconds=0)
    assert next(asked).source == "computed"


def test_calibration_inputs_that_change_give_another_network(registries):
    given, few = [], torch.ones(4, 6)

    def apply(model, *, data=None, seed=0, progress=None):
        given.append(float(data.sum()))
        return copy.deepcopy(model)

    register(Method("toy", "Toy", "none", apply, needs="calibration"))
    split, net = table(), network()
    place = live.Session(net, split, few)
    for _ in range(2):
        last("toy", {}, split, place)
    few.numpy()[:] = 2
    last("toy", {}, split, place)
    assert given == [24.0, 48.0]


def test_settings_with_a_list_become_steps(registries):
    def apply(model, *, data=None, seed=0, progress=None, sparsity, layers):
        return compress.condense(model, sparsity=sparsity)

    register(Method("toy", "Toy", "none", apply, {"sparsity": Param(0.5, 0.9, 0.8), "layers": Names()}))
    split = table()
    place = live.Session(network(), split)
    last("toy", {"layers": ["0", "2"]}, split, place)
    assert list(place.steps("toy", {"layers": ("0", "2")})) == list(place.steps("toy", {"layers": ["0", "2"]})) == [0.8]
    assert list(place.steps("toy", {"layers": ["0"]})) == []


def test_a_split_of_another_session_is_refused():
    net = network()
    place = live.Session(net, table())
    with pytest.raises(ValueError, match="the session was opened with another split"):
        live.progressive_audit("condense", {}, table(seed=1), model=place)
    assert last("condense", {"sparsity": 0.8}, table(), place).exact  # the same rows again


def test_a_split_that_changes_while_it_is_audited_is_not_reported():
    split = table(rows=100)
    answers = live.progressive_audit("condense", {"sparsity": 0.8}, split, first=20, model=network(), seconds=0)
    next(answers)
    split.labels[:] = 1 - split.labels
    with pytest.raises(ValueError, match="changed while its audit was running"):
        next(answers)


def test_training_between_two_answers_does_not_mix_two_networks():
    net, split = network(), table(rows=100)
    wanted = audit.audit(compress.condense(net, sparsity=0.8), split, reference=net, cost=False).summary
    answers = live.progressive_audit("condense", {"sparsity": 0.8}, split, first=20, model=net, seconds=0)
    next(answers)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.neg_()
    *_, found = answers
    assert found.audit.summary["reference_accuracy"] == wanted["reference_accuracy"]
    assert last("condense", {"sparsity": 0.8}, split, net).source == "computed"


def change_data(net):
    next(net.parameters()).data.view(-1)[0] += 1


def change_numpy(net):
    next(net.parameters()).detach().numpy().reshape(-1)[0] += 1


def swap_class(net):
    net[1].__class__ = nn.Tanh


def patch_forward(net):
    net[1].forward = lambda x: x


def hook(net):
    net[0].register_forward_pre_hook(lambda module, given: None)


def plain_attribute(net):
    net[1].anything = (1, {"two": [3.0, np.ones(2)]})


def buffer(net):
    net[1].register_buffer("anything", torch.ones(1), persistent=False)


def tie(net):
    net.twin = net[0]


@pytest.mark.parametrize("change", [change_data, change_numpy, swap_class, patch_forward, hook, plain_attribute, buffer, tie])
def test_every_kind_of_change_shows_in_the_fingerprint(change):
    net = network()
    before = fingerprint(net)
    assert not difference(before, fingerprint(net))
    assert not difference(before, fingerprint(copy.deepcopy(net)))
    change(net)
    assert difference(before, fingerprint(net))


def test_modes_and_frozen_parameters_are_no_change():
    net = network()
    before = fingerprint(net)
    net.train()[0].weight.requires_grad_(False)
    assert not difference(before, fingerprint(net))


def test_data_are_told_apart_by_every_part():
    split = table()
    groups = pd.DataFrame({"age": np.arange(60), "sex": list("fm") * 30})
    parts = [
        split,
        replace(split, x=split.x + 1),
        replace(split, labels=1 - split.labels),
        replace(split, classes=("a", "b")),
        replace(split, groups=groups),
        replace(split, groups=groups.assign(sex=list("mf") * 30)),
        replace(split, notes=("one row is left out",)),
        replace(split, features=tuple("abcdef")),
    ]
    assert len({fingerprint_of_data(part) for part in parts}) == len(parts)
    assert fingerprint_of_data(copy.deepcopy(parts[5])) == fingerprint_of_data(parts[5])


def test_a_constant_of_a_module_that_the_forward_reads_shows_in_the_fingerprint(monkeypatch):
    held = types.ModuleType("settings_of_a_user")
    held.SCALE, held.OTHER = 1.0, 1.0
    monkeypatch.setitem(globals(), "settings", held)

    class Scaled(nn.Module):
        def forward(self, x):
            return x * settings.SCALE  # noqa: F821 - set above

    net = Scaled()
    before = fingerprint(net)
    held.OTHER = 2.0
    assert fingerprint(net) == before
    held.SCALE = -1.0
    assert fingerprint(net) != before


def test_counting_in_another_thread_is_no_change():
    """`cost` hooks into all modules; for Live that was another network, and what it knew was dropped."""
    counting, done = threading.Event(), threading.Event()

    class Waits(nn.Module):
        def forward(self, x):
            counting.set()
            assert done.wait(60)
            return x

    session = live.session(network(), table())
    known = session.known()
    other = threading.Thread(target=cost, args=(Waits(), torch.zeros(1, 6)), kwargs={"seconds": 0})
    other.start()
    try:
        assert counting.wait(60)
        assert session.known() is known
    finally:
        done.set()
        other.join()
    handle = nn.modules.module.register_module_forward_hook(lambda module, given, output: -output)
    try:
        assert session.known() is not known  # a hook of someone else changes figures
    finally:
        handle.remove()


def test_one_look_serves_the_questions_inside_it_in_its_thread_alone():
    net, elsewhere = network(), []
    session = live.session(net, table())
    with session.looked_at() as known:
        with torch.no_grad():
            net[0].weight += 1
        assert session.known() is known
        other = threading.Thread(target=lambda: elsewhere.append(session.known()))
        other.start()
        other.join()
        assert elsewhere[0] is not known
    assert session.known() is elsewhere[0]
