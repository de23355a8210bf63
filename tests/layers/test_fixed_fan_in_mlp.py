"""The fused feed-forward block against separate torch layers."""

import copy
import pickle

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from labkit import compress, cost
from labkit.layers import FixedFanInLinear, FixedFanInMLP, describe_layers, rebuild_layers
from labkit.layers.fixed_fan_in_mlp import ACTIVATIONS, fused


def block(inputs=24, hidden=90, outputs=17, activation="gelu", fan_in=5, bias=True, seed=0):
    torch.manual_seed(seed)
    layers = (nn.Linear(inputs, hidden, bias), nn.Linear(hidden, outputs, bias))
    return FixedFanInMLP(*(FixedFanInLinear.from_dense(layer, fan_in=fan_in) for layer in layers), activation).eval()


@given(
    lead=st.sampled_from([(0,), (1,), (3,), (4,), (9,), (2, 33), (65,), (197,), (3, 211)]),
    hidden=st.sampled_from([1, 7, 64, 130]),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_output_equals_the_dense_layers(lead, hidden, activation, bias, seed):
    mlp = block(hidden=hidden, activation=activation, fan_in=min(hidden, 5), bias=bias, seed=seed)
    x = torch.randn(*lead, 24)
    with torch.no_grad():
        wanted = mlp.to_dense()(x)
        torch.testing.assert_close(mlp(x), wanted, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(mlp.double()(x.double()), mlp.to_dense()(x.double()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_many_examples_on_any_number_of_threads(threads):
    mlp, x = block(), torch.randn(3001, 24)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with torch.no_grad():
            torch.testing.assert_close(mlp(x), mlp.to_dense()(x), rtol=1e-5, atol=1e-5)
    finally:
        torch.set_num_threads(before)


def through(values, activation):
    """The activation of the block at each value."""
    one = FixedFanInLinear(1, torch.ones(1, 1), torch.zeros(1, 1, dtype=torch.int64))
    with torch.no_grad():
        return FixedFanInMLP(one, copy.deepcopy(one), activation)(values[:, None])[:, 0]


def test_activations_equal_those_of_torch():
    values = torch.cat([torch.linspace(-12, 12, 100_001), torch.tensor([0.0, -0.0, 1e-30, 1e4, -1e4])])
    exact = F.gelu(values.double()).float()
    assert (through(values, "gelu") - exact).abs().div(values.abs().clamp(min=1)).max() < 5e-7
    assert torch.equal(through(values, "relu"), values.relu())
    odd = torch.tensor([float("nan"), float("inf"), 1.0, 2.0])
    assert through(odd, "gelu").isnan().tolist() == [True, False, False, False]
    assert through(odd, "relu")[:2].isnan().tolist() == [True, False]
    assert through(odd, "gelu")[1] == through(odd, "relu")[1] == float("inf")


def test_gradients_equal_those_of_the_dense_layers():
    mlp = block().train()
    dense, x = mlp.to_dense(), torch.randn(6, 24)
    mlp(x).square().sum().backward()
    dense(x).square().sum().backward()
    for layer, other in ((mlp.fc1, dense[0]), (mlp.fc2, dense[2])):
        wanted = other.weight.grad.gather(1, layer.index.to(torch.int64))
        torch.testing.assert_close(layer.weight.grad, wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(layer.bias.grad, other.bias.grad, rtol=1e-4, atol=1e-5)


def test_it_compiles_without_a_graph_break():
    mlp, x = block(), torch.randn(6, 24)
    with torch.no_grad():
        compiled = torch.compile(mlp, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), mlp(x), rtol=1e-5, atol=1e-5)


def test_a_changed_layer_changes_the_block():
    mlp, x = block(), torch.randn(6, 24)
    with torch.no_grad():
        before = mlp(x)
        mlp.fc1.index.copy_(mlp.fc1.index.flip(0))
        mlp.fc2.weight.mul_(2)
        assert not torch.allclose(mlp(x), before)
        torch.testing.assert_close(mlp(x), mlp.to_dense()(x), rtol=1e-5, atol=1e-5)
        copies = [copy.deepcopy(mlp), pickle.loads(pickle.dumps(mlp))]
        assert all(torch.equal(other(x), mlp(x)) for other in copies)


def test_timm_blocks_are_fused_and_keep_their_state():
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", depth=2, img_size=32, num_classes=5).eval()
    small = compress.condense(model, sparsity=0.9, layers="blocks.*")
    assert [type(b.mlp) for b in small.blocks] == [FixedFanInMLP] * 2
    assert {k.rpartition(".")[0] for k in small.state_dict() if "mlp" in k} == {
        f"blocks.{i}.mlp.{name}" for i in (0, 1) for name in ("fc1", "fc2")
    }
    again = rebuild_layers(copy.deepcopy(model), describe_layers(small))
    again.load_state_dict(small.state_dict())
    dense = copy.deepcopy(model)
    for path, layer in small.named_modules():
        if isinstance(layer, FixedFanInLinear):
            dense.get_submodule(path).load_state_dict(layer.to_dense().state_dict())
    x = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(again(x), small(x))
        torch.testing.assert_close(small(x), dense(x), rtol=1e-5, atol=1e-5)


class Residual(nn.Module):
    """Has the children of a feed-forward block but another forward."""

    def __init__(self):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)

    def forward(self, x):
        return x + self.fc2(self.act(self.fc1(x)))


def test_a_block_with_another_forward_is_not_fused():
    small = compress.condense(nn.Sequential(Residual()), fan_in=3)
    assert type(small[0]) is Residual
    assert fused(nn.Sequential(nn.Linear(2, 2))) is None


def test_macs_are_those_of_the_nonzeros():
    mlp = block()
    assert cost.cost(mlp, torch.zeros(7, 24), seconds=0).macs == 7 * (90 + 17) * 5
    layer = FixedFanInLinear.from_dense(nn.Linear(24, 90), fan_in=5)  # small enough to cache a dense weight, which is not counted
    assert cost.cost(layer, torch.zeros(7, 24), seconds=0).macs == 7 * 90 * 5


def test_the_cached_dense_weight_of_a_small_layer_gives_the_same_outputs():
    layer = FixedFanInLinear.from_dense(nn.Linear(24, 90), fan_in=5)
    x = torch.randn(300, 24)
    with torch.no_grad():
        whole = layer(x)
        for batch in (1, 2, 16):
            torch.testing.assert_close(layer(x[:batch]), whole[:batch], rtol=1e-5, atol=1e-5)
        layer.weight.mul_(2)
        torch.testing.assert_close(layer(x[:1]) - layer.bias, 2 * (whole[:1] - layer.bias), rtol=1e-4, atol=1e-5)


def test_invalid_arguments_raise():
    first, second = (FixedFanInLinear.from_dense(nn.Linear(*shape), fan_in=2) for shape in ((4, 8), (8, 4)))
    with pytest.raises(TypeError, match="must be FixedFanInLinear, got Linear"):
        FixedFanInMLP(first, nn.Linear(8, 4), "gelu")
    with pytest.raises(ValueError, match="must have the 8 outputs of fc1 as inputs, it has 4"):
        FixedFanInMLP(first, first, "gelu")
    with pytest.raises(ValueError, match="activation must be one of relu, gelu"):
        FixedFanInMLP(first, second, "swish")


class Block(nn.Module):
    """As timm's Mlp; subclasses change one thing."""

    def __init__(self):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(16, 40), nn.GELU(), nn.Linear(40, 16)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class DropsInTraining(Block):
    def forward(self, x):
        return self.fc2(F.dropout(self.act(self.fc1(x)), 0.02, self.training))


class HasAnArgument(Block):
    def forward(self, x, scale=1.0):
        return super().forward(x) * scale


class HasAMethod(Block):
    def hidden(self, x):
        return self.act(self.fc1(x))


@pytest.mark.parametrize("kind", [DropsInTraining, HasAnArgument, HasAMethod])
def test_blocks_that_do_more_are_not_fused(kind):
    torch.manual_seed(0)
    stays = compress.condense(nn.Sequential(kind(), nn.Linear(16, 2)), sparsity=0.75)
    assert type(stays[0]) is kind
    assert isinstance(stays[0].fc1, FixedFanInLinear)
    assert type(compress.condense(nn.Sequential(Block(), nn.Linear(16, 2)), sparsity=0.75)[0]) is FixedFanInMLP
    x = torch.randn(64, 16)
    if kind is DropsInTraining:
        assert not torch.equal(stays.train()(x), stays.eval()(x))
    elif kind is HasAnArgument:
        torch.testing.assert_close(stays[0](x, 2.0), 2 * stays[0](x))
    else:
        assert stays[0].hidden(x).shape == (64, 40)


@pytest.mark.parametrize("part", ["fc1", "act", "fc2"])
def test_hooks_inside_a_block_are_called(part):
    torch.manual_seed(0)
    net, x = nn.Sequential(Block(), nn.Linear(16, 2)).eval(), torch.randn(3, 16)
    getattr(net[0], part).register_forward_hook(lambda module, inputs, output: output + 1)
    small = compress.condense(net, sparsity=0.75)
    assert type(small[0]) is Block
    bare = copy.deepcopy(small)
    getattr(bare[0], part)._forward_hooks.clear()
    with torch.no_grad():
        assert not torch.allclose(small(x), bare(x))
        later = compress.condense(nn.Sequential(Block(), nn.Linear(16, 2)), sparsity=0.75)
        seen = []
        getattr(later[0], part).register_forward_hook(lambda module, inputs, output: seen.append(output))
        later(x)
    assert len(seen) == 1  # also of a hook that comes after the block was fused
    whole = nn.Sequential(Block(), nn.Linear(16, 2)).eval()
    whole[0].register_forward_hook(lambda module, inputs, output: 0 * output)
    small = compress.condense(whole, sparsity=0.75)
    assert type(small[0]) is FixedFanInMLP
    assert not small[0](x).any()


def test_fusing_leaves_the_random_state():
    net = nn.Sequential(DropsInTraining(), nn.Linear(16, 2))
    before = torch.random.get_rng_state()
    compress.condense(net, sparsity=0.75)
    assert torch.equal(torch.random.get_rng_state(), before)
