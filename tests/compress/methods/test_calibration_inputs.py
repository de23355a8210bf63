"""low_rank and fips on calibration inputs of every awkward kind: a finite network that follows the original, or one sentence."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from labkit import compress, data
from labkit.compress.methods.low_rank import low_rank

METHODS = {"low_rank": low_rank, "fips": compress.fips}


def block(d=16, p=48, bias=True):
    return nn.Sequential(nn.Linear(d, p, bias=bias), nn.GELU(), nn.Linear(p, d, bias=bias))


def network(bias=True):
    torch.manual_seed(0)
    return nn.Sequential(block(bias=bias), block(bias=bias)).eval()


def noise(count=200, width=16):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(1))


def off(small, net, x):
    with torch.no_grad():
        got, wanted = small(x), net(x)
    return float((got - wanted).norm() / wanted.norm())


# relative errors that both methods stay below; with the spread a small part of the mean little is left to get wrong
AWKWARD = {
    "fewer than a layer has inputs": (noise(16), 0.8),
    "3 % spread": (100 + 3 * noise(), 0.1),
    "far from zero": (1000 + noise(), 0.01),
    "very far": (1e6 + noise(), 1e-3),
    "all the same": (torch.full((64, 16), 3.0), 1e-3),
    "one input alone varies": (torch.eye(16)[:1] * noise(64, 1), 0.1),
    "large": (1e12 * noise(), 0.8),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_the_outputs_follow_the_originals(kind, name, bias):
    x, most = AWKWARD[kind]
    net = network(bias)
    small = METHODS[name](net, budget=0.3, calibration=x)
    assert all(value.isfinite().all() for value in small.state_dict().values() if value.is_floating_point())
    assert off(small, net, x) < most
    # and never worse than without the inputs, by more than chance
    assert off(small, net, x) < 1.05 * off(METHODS[name](net, budget=0.3), net, x)


@pytest.mark.parametrize("name", METHODS)
def test_inputs_that_are_all_zero_say_nothing(name):
    net = network(bias=False)
    small = METHODS[name](net, budget=0.3, calibration=torch.zeros(64, 16))
    assert off(small, net, noise()) < 1.1 * off(METHODS[name](net, budget=0.3), net, noise())


class Experts(nn.Module):
    """Routes a batch to one of two blocks."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = block(), block(), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.a(x) if x.sum() > 0 else self.b(x))


@pytest.mark.parametrize("settings", [{}, {"steps": 4}, {"finetune": 2}], ids=str)
@pytest.mark.parametrize("name", METHODS)
def test_an_expert_that_no_input_reaches_is_approximated_blindly(name, settings):
    torch.manual_seed(0)
    net, x = Experts().eval(), noise().abs()
    if name == "low_rank" and settings:
        pytest.skip("it has no fit")
    small = METHODS[name](net, budget=0.5, calibration=x, **settings)
    assert off(small, net, x) < 0.5
    assert off(small, net, -x) < 1.1 * off(METHODS[name](net, budget=0.5), net, -x)


class Containers(nn.Module):
    """Blocks that are never called as such."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleDict({"up": nn.Linear(16, 48), "down": nn.Linear(48, 16)}) for _ in range(2)])

    def forward(self, x):
        for each in self.layers:
            x = x + each["down"](each["up"](x).relu())
        return x


class Outputs(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.block, self.kind = block(), kind

    def forward(self, x):
        y = self.block(x)
        return {"tuple": (y, x), "dict": {"aux": x[:, :1], "logits": y}, "nested": [{"u": y}], "none": None}[self.kind]


@pytest.mark.parametrize("make", [Containers, *(lambda kind=kind: Outputs(kind) for kind in ("tuple", "dict", "nested"))])
def test_networks_of_other_forms_are_fitted(make):
    torch.manual_seed(0)
    small = compress.fips(make().eval(), budget=0.3, calibration=noise(), steps=3, finetune=2)
    assert {"closed_form", "fitted_blocks", "fitted_outputs"} <= set(small.fips)


def test_a_network_without_an_output_is_said_to_have_none():
    with pytest.raises(TypeError, match=r"^the network returns NoneType without a tensor; wrap it in a module that returns one$"):
        compress.fips(Outputs("none"), budget=0.3, calibration=noise())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (noise(15), ValueError, "calibration needs at least 16 examples, got 15"),
        (noise(1), ValueError, "calibration needs at least 16 examples, got 1"),
        (torch.zeros(0, 16), ValueError, "calibration needs at least 16 examples, got 0"),
        (
            noise().index_fill(0, torch.tensor([3]), torch.nan),
            ValueError,
            "calibration input x has values that are NaN or infinite",
        ),
        (
            noise().index_fill(0, torch.tensor([3]), torch.inf),
            ValueError,
            "calibration input x has values that are NaN or infinite",
        ),
        (noise(width=7), ValueError, r"the network does not take the calibration inputs \(float32 \[200, 7\]\)"),
        (noise().double(), ValueError, "the network does not take the calibration inputs"),
        ({"y": noise()}, ValueError, "the network does not take the calibration inputs"),
        ({"input": [1, 2]}, TypeError, "calibration input input must be a tensor with one row an example, got list"),
        (torch.tensor(1.0), TypeError, "calibration input x must be a tensor with one row an example, got a number"),
        (noise().numpy(), TypeError, "calibration must be a tensor, a dict of tensors or a data set, got ndarray"),
        ([1, 2], TypeError, "calibration must be a tensor, a dict of tensors or a data set, got list"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(name, given, error, words):
    with pytest.raises(error, match=f"^{words}") as caught:
        METHODS[name](network(), budget=0.3, calibration=given)
    assert "\n" not in str(caught.value)


def test_activations_that_overflow_are_said_to():
    with pytest.raises(ValueError, match="scale the inputs as in training"):
        compress.fips(network(), budget=0.3, calibration=torch.full((64, 16), 1e38))


@pytest.mark.parametrize("name", METHODS)
def test_a_split_a_data_set_and_a_dict_are_taken(name):
    x = noise()
    split = data.Split(np.arange(200) % 2, ("a", "b"), x=x.numpy())
    for given in (split, {"input": x}):
        small = METHODS[name](network(), budget=0.3, calibration=given)
        assert off(small, network(), x) < 0.8


class Drawing(nn.Module):
    """Draws from all three sources of random numbers at every call."""

    def __init__(self):
        super().__init__()
        self.block = block()

    def forward(self, x):
        return self.block(x + torch.rand_like(x) + float(np.random.rand()) + random.random())  # noqa: NPY002


def states():
    return torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002


@pytest.mark.parametrize("settings", [{}, {"steps": 3}, {"finetune": 2, "masks": "gmp"}], ids=str)
@pytest.mark.parametrize("name", METHODS)
def test_random_states_are_the_callers_and_a_seed_decides(name, settings, tmp_path):
    if name == "low_rank" and settings:
        pytest.skip("it has no fit")
    torch.manual_seed(0)
    net, before, made = Drawing().eval(), states(), []
    settings = settings | ({"checkpoint": tmp_path / "fit"} if settings else {})
    for _ in range(2):
        made.append(METHODS[name](net, budget=0.3, calibration=noise(), seed=3, **settings).state_dict())
        after = states()
        assert torch.equal(before[0], after[0])
        assert np.array_equal(before[1], after[1])
        assert before[2] == after[2]
        torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
        before = states()
    assert all(torch.equal(value, made[1][key]) for key, value in made[0].items())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", METHODS)
def test_the_callers_grad_mode_changes_nothing(name, mode):
    settings = {"budget": 0.3} | ({"steps": 3, "finetune": 2} if name == "fips" else {})
    wanted = METHODS[name](network(), calibration=noise(), **settings)
    with mode():
        small = METHODS[name](network(), calibration=noise(), **settings)
        assert torch.is_grad_enabled() is False
    assert all(torch.equal(value, wanted.state_dict()[key]) for key, value in small.state_dict().items())
    small(noise()).square().mean().backward()  # it can be trained
    assert all(parameter.grad is not None for parameter in small.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_the_network_stays_untouched(name):
    net = nn.Sequential(nn.BatchNorm1d(16), block(), nn.Dropout(), block()).train()
    net[2].eval()
    net[1][0].weight.requires_grad_(False)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    small = METHODS[name](net, budget=0.3, calibration=5 + noise(), **({"steps": 2} if name == "fips" else {}))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert [module.training for module in net] == [True, True, False, True]
    assert [p.requires_grad for p in net.parameters()].count(False) == 1
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(small.state_dict()["0.running_mean"], before["0.running_mean"])


@pytest.mark.parametrize("name", METHODS)
def test_what_was_frozen_stays_frozen(name):
    net = network()
    for parameter in net[0].parameters():
        parameter.requires_grad_(False)
    small = METHODS[name](net, budget=0.3, groups=1) if name == "fips" else low_rank(net, budget=0.3)
    assert not any(parameter.requires_grad for parameter in small[0].parameters())
    assert all(parameter.requires_grad for parameter in small[1].parameters())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_low_rank_keeps_the_dtype_of_the_network(dtype):
    net, x = network().to(dtype), noise().to(dtype)
    for settings in ({}, {"calibration": x}):
        small = low_rank(net, budget=0.5, **settings)
        assert {parameter.dtype for parameter in small.parameters()} == {dtype}
        assert off(small, net, x) < 0.9
