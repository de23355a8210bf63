"""Audits, costs, compression, live audits and storage leave no trace on a network of someone else, nor on the process."""

import contextlib
import random

import numpy as np
import pytest
import torch
from torch import nn

from labkit import audit, data, live, runs
from labkit.compress import METHODS, Param
from labkit.cost import cost, latency
from labkit.training import accuracy, predict
from tests.zoo import ZOO

EXAMPLES = 24
# every kind of trouble once; the others are slow only because there are many
QUICK = ("mlp", "batch_norm", "tied_linear", "pruned_after_forward", "hook_spectral_norm", "spectral_norm", "caching", "frozen")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ZOO]


class Tokens(nn.Module):
    """Turns the numbers of a table into tokens."""

    def forward(self, x):
        return x.long()


def built(name, mode):
    """A network, each of its modules in a mode of its own, and data for it."""
    network, example = ZOO[name].build()
    many = torch.cat([example] * 4)[:EXAMPLES]
    labels = np.arange(EXAMPLES) % ZOO[name].classes
    classes = ("a", "b", "c")[: ZOO[name].classes]
    if example.ndim == 4:
        split = data.Split(labels, classes, images=(255 * many).byte().numpy())
    else:
        split = data.Split(labels, classes, x=many.float().numpy())
    if not example.is_floating_point():
        network = nn.Sequential(Tokens(), network)
    for i, module in enumerate(network.modules()):
        module.training = mode == "train" or (mode == "mixed" and i % 2 == 0)
    return network, split


def of_network(network):
    """Everything that a network carries."""
    state = {}
    for name, module in network.named_modules(remove_duplicate=False):
        for key, value in vars(module).items():
            if key == "_index_version":  # of our own layers: a note for themselves
                continue
            if key in ("_parameters", "_buffers"):
                for own, tensor in value.items():
                    state[name, key, own] = _of_tensor(tensor)
            elif key == "_modules":
                state[name, key] = [(child, id(part), type(part)) for child, part in value.items()]
            elif isinstance(value, dict):
                state[name, key] = {k: id(v) for k, v in value.items()}  # hooks among them
            elif isinstance(value, torch.Tensor):
                state[name, key] = _of_tensor(value)
            else:
                state[name, key] = repr(value)
    return state


def _of_tensor(tensor):
    if tensor is None:
        return None
    plain = tensor.detach().double().numpy().tobytes()
    return id(tensor), tensor.requires_grad, tensor.is_leaf, tensor.is_inference(), tensor.grad is None, tensor.dtype, plain


def of_process():
    """State of the process that a forward or a method might change."""
    return {
        "torch": torch.random.get_rng_state().tolist(),
        "numpy": [np.asarray(part).tolist() for part in np.random.get_state()],  # noqa: NPY002
        "python": random.getstate(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "attention": torch.backends.mha.get_fastpath_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "hooks": [len(getattr(nn.modules.module, name)) for name in ("_global_forward_hooks", "_global_forward_pre_hooks")],
        "modes": len(torch.utils._python_dispatch._get_current_dispatch_mode_stack()),
    }


@contextlib.contextmanager
def no_trace(network, what):
    before, process = of_network(network), of_process()
    yield
    after = of_network(network)
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    assert not changed, (what, changed[:5])
    assert of_process() == process, what


def gradients(network, split):
    network.train()
    output = network(split.inputs().to(next(network.parameters()).dtype))
    output = output["logits"] if isinstance(output, dict) else output[0] if isinstance(output, tuple) else output
    output.float().square().sum().backward()
    return {name: None if p.grad is None else p.grad.clone() for name, p in network.named_parameters()}


def assert_trains_as_ever(name, network, split):
    """The gradients of a network are those of its twin that was never touched."""
    twin, _ = built(name, "train")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        found = gradients(network, split)
        torch.manual_seed(5)
        expected = gradients(twin, split)
    assert found.keys() == expected.keys()
    for key, gradient in expected.items():
        assert (gradient is None) == (found[key] is None), key
        assert gradient is None or torch.equal(found[key], gradient), key


def _render(network, split):
    found = audit.audit(network, split, reference=network, seconds=0.001, measures=[])
    found.to_json()
    found._repr_html_()
    repr(found)


DOORS = {
    "predict": predict,
    "accuracy": accuracy,
    "cost": lambda network, split: cost(network, split.inputs(slice(0, 1)), seconds=0),
    "cost of the paper": lambda network, split: cost(network, split.inputs(slice(0, 1)), "paper", seconds=0),
    "latency": lambda network, split: latency(network, split.inputs(slice(0, 1)), reference=network, seconds=0.001),
    "audit and its tables": _render,
    "fingerprint": lambda network, _: audit.model_sha(network),
}


@pytest.mark.parametrize("name", ZOO)
def test_measuring_leaves_no_trace(name):
    network, split = built(name, "mixed")
    for what, door in DOORS.items():
        with no_trace(network, what):
            door(network, split)
    assert_trains_as_ever(name, network, split)


class Restless(nn.Module):
    """Changes all that a forward can change: buffers, random states, caches, threads."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("late", None)
        self.cache = None

    def forward(self, x):
        self.calls += 1
        self.late = x.detach().mean(0)
        self.cache = self.layer.weight * 2
        if not hasattr(self, "first"):
            self.first = x
        torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
        torch.set_num_threads(torch.get_num_threads() % 2 + 1)
        return self.layer(x) + 0 * self.cache.sum()


class Merging(nn.Linear):
    """Adds an update to its weight when it enters eval mode, as LoRA layers do."""

    def __init__(self):
        super().__init__(16, 3)
        self.update, self.merged = nn.Parameter(torch.randn(3, 16) / 7), False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.weight.data += -self.update.data if self.merged else self.update.data
            self.merged = not self.merged
        return self

    def forward(self, x):
        return super().forward(x) if self.merged else super().forward(x) + x @ self.update.T


@pytest.mark.parametrize("make", [Restless, Merging])
@pytest.mark.parametrize("training", [True, False])
def test_networks_that_change_themselves_are_put_back(make, training):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 16), make()).train(training)
    _, split = built("mlp", "eval")
    for what, door in DOORS.items():
        with no_trace(network, what):
            door(network, split)


def test_an_error_inside_a_forward_leaves_no_trace():
    class Failing(Restless):
        def forward(self, x):
            super().forward(x)
            raise KeyError("missing")

    _, split = built("mlp", "eval")
    network = nn.Sequential(nn.Linear(16, 16), Failing()).train()
    for what in ("predict", "cost", "latency", "audit and its tables"):
        with no_trace(network, what), pytest.raises(ValueError, match=r"does not take .*float32.*KeyError: 'missing'"):
            DOORS[what](network, split)


def quick(method):
    """Least settings, for methods that train."""
    whole = {key: param.low for key, param in method.params.items() if isinstance(param, Param) and param.whole}
    return whole if method.needs == "training" else {}


def compressed(method, network, split):
    """What a method makes of a network; None for one that it refuses, in one sentence."""
    dataset = data.Dataset("zoo", split, split, split)
    try:
        return METHODS[method](network, data=dataset, seed=0, **quick(METHODS[method]))
    except (ValueError, TypeError) as error:
        sentence = str(error)
    assert "\n" not in sentence
    return None


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.needs != "training"])
def test_compression_leaves_no_trace(method, name):
    network, split = built(name, "mixed")
    with no_trace(network, method):
        small = compressed(method, network, split)
    if small is not None:
        with no_trace(small, method):
            audit.audit(small, split, reference=network, seconds=0)
        with no_trace(network, method):
            small.train()
            for parameter in small.parameters():
                parameter.requires_grad_(True)
            with torch.random.fork_rng(devices=[]), contextlib.suppress(RuntimeError, ValueError):  # int8 may have no gradient
                gradients(small, split)
    assert_trains_as_ever(name, network, split)


@pytest.mark.parametrize("name", EVERY)
def test_live_audits_and_storage_leave_no_trace(name, tmp_path):
    network, split = built(name, "eval")
    with no_trace(network, "live"), contextlib.suppress(ValueError, TypeError):
        for _ in live.progressive_audit("magnitude", {}, split, first=8, model=network, use_grid=False, seconds=0.001):
            pass
    small = compressed("magnitude", network, split)
    if small is not None:
        config = {"method": "magnitude", "version": 1, "parameters": {}, "model": "zoo", "data": "zoo", "seed": 0}
        store = runs.Store(tmp_path / "runs")
        found = audit.audit(small, split, reference=network, seconds=0)
        with no_trace(small, "save"), no_trace(network, "save"), contextlib.suppress(ValueError, TypeError):
            run = store.save(small, audit=found, config=config)
            store.load(run.id, base=network)
    assert_trains_as_ever(name, network, split)
