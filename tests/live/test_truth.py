"""Live says what a plain audit says, whatever is done to the network, the data and the methods between two questions."""

import copy
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from torch import nn

from labkit import audit, data, live
from labkit.compress import METHODS, Method, Param, register

FIGURES = ("accuracy", "reference_accuracy", "accuracy_change", "agreement")
INPUTS, CLASSES, ROWS = 6, ("a", "b", "c"), 40


class Clip(nn.Module):
    """A plain attribute decides what it does; no parameter, no buffer."""

    def __init__(self, top):
        super().__init__()
        self.top = top

    def forward(self, x):
        return x.clamp(0, self.top)


class Scaled(nn.Module):
    """Called with a keyword."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(INPUTS, 8)

    def forward(self, x, scale=1.0):
        return self.inner(x) * scale


class Keyword(nn.Module):
    """Its first block is called with a keyword."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = Scaled(), Clip(2.0), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.act(self.first(x, scale=2.0)))


class ReadAgain(nn.Module):
    """Its forward reads a weight of its first block."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(INPUTS, 8), Clip(2.0), nn.Linear(8, 8)
        self.out = nn.Linear(INPUTS, 3)

    def forward(self, x):
        return self.out(self.last(self.act(self.first(x))) @ self.first.weight)


class LooksBack(nn.Module):
    """Its last block reads the activation before the middle, for some inputs only."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.mid, self.last = nn.Linear(INPUTS, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        early = self.act(self.first(x))
        late = self.mid(early)
        return self.last(torch.where(x[:, :1] > 1.5, early, late))


class Buffered(nn.Module):
    """A buffer and a plain attribute of the network itself change its outputs."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(INPUTS, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 3))
        self.register_buffer("tilt", torch.zeros(3))
        self.gain = 1.0

    def forward(self, x):
        return self.body(x) * self.gain + self.tilt


def plain_sequence():
    return nn.Sequential(nn.Linear(INPUTS, 8), nn.ReLU(), nn.Linear(8, 8), Clip(1.0), nn.Linear(8, 3))


NETWORKS = {"sequence": plain_sequence, "keyword": Keyword, "again": ReadAgain, "back": LooksBack, "buffers": Buffered}


def shift_buffers(model, *, data=None, seed=0, progress=None, size):
    small = copy.deepcopy(model)
    for buffer in small.buffers():
        if buffer.is_floating_point():
            buffer.add_(size * torch.arange(buffer.numel()).reshape(buffer.shape))
    return small


def clip_activations(model, *, data=None, seed=0, progress=None, top):
    small = copy.deepcopy(model)
    for parent in list(small.modules()):
        for name, child in parent.named_children():
            if isinstance(child, (nn.ReLU, Clip)):
                setattr(parent, name, Clip(top))
    return small


TOYS = [
    Method("toy_buffers", "Toy", "none", shift_buffers, {"size": Param(0.0, 2.0, 0.0)}),
    Method("toy_clip", "Toy", "none", clip_activations, {"top": Param(0.0, 100.0, 1.0)}),
]
QUESTIONS = st.one_of(
    st.tuples(st.just("condense"), st.fixed_dictionaries({"sparsity": st.sampled_from([0.6, 0.8])})),
    st.tuples(st.just("condense"), st.fixed_dictionaries({"sparsity": st.just(0.8), "layers": st.sampled_from(["*last", "*4"])})),
    st.tuples(st.just("low_rank"), st.fixed_dictionaries({"budget": st.sampled_from([0.8, 0.9])})),
    st.tuples(st.just("magnitude"), st.fixed_dictionaries({"sparsity": st.sampled_from([0.5, 0.9])})),
    st.tuples(st.just("quantize"), st.fixed_dictionaries({"mode": st.just("weight_only")})),
    st.tuples(st.just("toy_buffers"), st.fixed_dictionaries({"size": st.sampled_from([0.0, 1.0])})),
    st.tuples(st.just("toy_clip"), st.fixed_dictionaries({"top": st.sampled_from([0.0, 0.3, 100.0])})),
)


def table(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(ROWS, INPUTS)).astype(np.float32)
    return data.Split((x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(np.int64) + (x[:, 3] > 1), CLASSES, x=x)


class Truth(RuleBasedStateMachine):
    """One network and one split, of which anything may change between two questions."""

    @initialize(kind=st.sampled_from(sorted(NETWORKS)), seed=st.integers(0, 3))
    def begin(self, kind, seed):
        live.forget()
        self.methods = dict(METHODS)
        for toy in TOYS:
            register(toy)
        torch.manual_seed(seed)
        self.network, self.split, self.asked, self.hook = NETWORKS[kind](), table(seed), [], None
        self.place = live.Session(self.network, self.split)

    @rule(question=QUESTIONS)
    def ask(self, question):
        self.asked.append(question)
        self.agrees(*question)

    @precondition(lambda self: self.asked)
    @rule(number=st.integers(0, 5))
    def ask_again(self, number):
        self.agrees(*self.asked[number % len(self.asked)])

    def agrees(self, method, params):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                small = METHODS[method](self.network, **params)
            except ValueError:  # no layer of that name, rank below 1
                return
            wanted = audit.audit(small, self.split, reference=self.network, cost=False)
            options = {"first": 16, "seconds": 0}
            for model in (self.network, self.place) if self.split is self.place.split else (self.network,):
                *_, found = live.progressive_audit(method, params, self.split, model=model, **options)
                for name in FIGURES:
                    assert found.audit.summary[name] == pytest.approx(wanted.summary[name], abs=1e-6), (name, found.source)

    @rule()
    def train(self):
        self.network.train()
        optimizer = torch.optim.SGD(self.network.parameters(), 0.5)
        optimizer.zero_grad()
        nn.functional.cross_entropy(self.network(self.split.inputs()), torch.tensor(self.split.labels)).backward()
        optimizer.step()

    @rule(far=st.booleans())
    def write_a_weight(self, far):
        weights = [parameter for parameter in self.network.parameters() if parameter.ndim == 2]
        if far:
            weights[-1].data.neg_()
        else:
            weights[0].detach().numpy()[:] *= -1  # no version counter knows of it

    @rule()
    def change_a_buffer(self):
        for buffer in self.network.buffers():
            if buffer.is_floating_point():
                buffer.add_(torch.arange(buffer.numel()).reshape(buffer.shape) % 3)

    @rule(value=st.sampled_from([-1.0, 0.2, 5.0]))
    def set_an_attribute(self, value):
        for module in self.network.modules():
            if isinstance(module, Clip):
                module.top = abs(value)
            elif isinstance(module, Buffered):
                module.gain = value

    @rule()
    def swap_a_module(self):
        for parent in list(self.network.modules()):
            for name, child in parent.named_children():
                if isinstance(child, (nn.ReLU, Clip)):
                    setattr(parent, name, nn.Tanh() if isinstance(child, nn.ReLU) else nn.ReLU())
                    return

    @rule()
    def hook_on_or_off(self):
        if self.hook is None:
            first = next(module for module in self.network.modules() if isinstance(module, nn.Linear))
            self.hook = first.register_forward_hook(lambda module, given, output: -output)
        else:
            self.hook.remove()
            self.hook = None

    @rule(column=st.integers(0, INPUTS - 1))
    def write_into_the_split(self, column):
        self.split.x[:, column] *= -1

    @rule()
    def write_labels(self):
        self.split.labels[:] = (self.split.labels + 1) % 3

    @rule(seed=st.integers(4, 6))
    def take_another_split(self, seed):
        self.split = table(seed)

    @rule(top=st.sampled_from([0.0, 50.0]))
    def register_a_method_again(self, top):
        def apply(model, **options):
            return clip_activations(model, **{**options, "top": top})

        register(replace(TOYS[1], apply=apply))

    @rule()
    def forget(self):
        live.forget()

    @invariant()
    def nothing_is_left_behind(self):
        if hasattr(self, "network"):
            modes = {module.training for module in self.network.modules()}
            assert len(modes) == 1
            assert all(parameter.requires_grad for parameter in self.network.parameters())

    def teardown(self):
        if hasattr(self, "methods"):
            METHODS.clear()
            METHODS.update(self.methods)
            live.forget()


Truth.TestCase.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestTruth = Truth.TestCase
