"""What compression promises: identity at full size, honest bytes, the input untouched, a method from outside everywhere."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from labkit import compress, models
from labkit.audit import model_sha
from labkit.cost import cost, count_parameters
from labkit.layers import FixedFanInConv2d, FixedFanInLinear, LowRankConv2d, LowRankLinear
from labkit.runs.weights import _flat


@pytest.mark.parametrize(("shape", "fan_in"), [((7, 5), 7), ((64, 32), 64), ((1, 3), 1)])
def test_full_fan_in_reproduces_the_layer(shape, fan_in):
    dense = nn.Linear(*shape)
    x = torch.randn(11, shape[0])
    torch.testing.assert_close(FixedFanInLinear.from_dense(dense, fan_in=fan_in)(x), dense(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"groups": 2}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": "same"}, {"bias": False}]
)
def test_full_fan_in_reproduces_the_convolution(options):
    dense = nn.Conv2d(4, 6, 3, **options)
    x = torch.randn(2, 4, 9, 9)
    layer = FixedFanInConv2d.from_dense(dense, sparsity=0.0)
    torch.testing.assert_close(layer(x), dense(x), rtol=0, atol=1e-6)
    torch.testing.assert_close(layer.to_dense()(x), dense(x), rtol=0, atol=1e-6)


def test_condensing_keeps_the_largest_of_each_row_and_every_bias():
    dense = nn.Linear(20, 8)
    with torch.no_grad():
        dense.weight[3] = 0
    layer = FixedFanInLinear.from_dense(dense, sparsity=0.75)
    kept = layer.to_dense().weight.detach().numpy()
    weight = dense.weight.detach().numpy()
    for row, original in zip(kept, weight, strict=True):
        largest = np.argsort(-np.abs(original), kind="stable")[:5]
        expected = np.zeros_like(original)
        expected[largest] = original[largest]
        np.testing.assert_array_equal(row, expected)
    assert layer(torch.randn(2, 20)).detach()[:, 3].tolist() == pytest.approx([float(dense.bias[3].detach())] * 2)


@pytest.mark.slow
def test_forward_is_the_formula_and_duplicates_add_up():
    values, index, bias = (
        torch.randn(3, 4, dtype=torch.float64),
        torch.tensor([[0, 0, 2, 5]] * 3),
        torch.randn(3, dtype=torch.float64),
    )
    layer = FixedFanInLinear(6, values, index, bias)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    expected = (x[..., index] * values).sum(-1) + bias
    torch.testing.assert_close(layer(x), expected)
    inputs = (x[0].clone().requires_grad_(),)
    assert torch.autograd.gradcheck(layer, inputs)
    assert torch.autograd.gradcheck(
        lambda w: torch.func.functional_call(layer, {"weight": w}, inputs), (values.clone().requires_grad_(),)
    )


def test_the_kept_dense_weight_follows_every_change():
    layer = FixedFanInLinear.from_dense(nn.Linear(6, 4), fan_in=2)
    x = torch.randn(3, 6)
    with torch.no_grad():
        before = layer(x)
        layer.weight.mul_(2)
        doubled = layer(x)
        torch.testing.assert_close(doubled - layer.bias, 2 * (before - layer.bias))
        layer.load_state_dict(FixedFanInLinear.from_dense(nn.Linear(6, 4), fan_in=2).state_dict())
        torch.testing.assert_close(layer(x), layer.to_dense()(x))


@pytest.mark.parametrize("layer", [nn.Linear(9, 6), nn.Conv2d(3, 8, 3, stride=2, padding=1)])
def test_full_rank_reproduces_and_truncation_is_eckart_young(layer):
    kind = LowRankLinear if isinstance(layer, nn.Linear) else LowRankConv2d
    flat = layer.weight.detach().flatten(1)
    x = torch.randn(2, 9) if isinstance(layer, nn.Linear) else torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(kind.from_dense(layer, rank=min(flat.shape))(x), layer(x), rtol=0, atol=1e-6)
    error = (kind.from_dense(layer, rank=3).to_dense().weight.flatten(1) - flat).square().sum()
    tail = np.linalg.svd(flat.numpy(), compute_uv=False)[3:]
    assert float(error) == pytest.approx(float((tail**2).sum()), rel=1e-4)


@pytest.mark.parametrize("budget", [0.1, 0.25, 0.5, 0.9])
def test_low_rank_keeps_its_budget(budget):
    model = models.load("mlp_mnist")
    weights = 784 * 300 + 300 * 100 + 100 * 10
    small = compress.low_rank(model, budget=budget)
    kept = count_parameters(small) - 410
    assert kept <= budget * weights
    assert kept >= budget * weights - (784 + 300)  # one rank more in the largest layer would not fit
    assert count_parameters(compress.low_rank(model, budget=1)) == weights + 410


@pytest.mark.parametrize("name", [name for name, method in compress.METHODS.items() if method.needs in ("nothing", "optional")])
def test_bytes_are_those_of_the_file_and_the_input_is_untouched(name, tmp_path):
    model = models.load("vit_fashion")
    before = model_sha(model)
    small = compress.METHODS[name](model)
    assert model_sha(model) == before
    save_file({key: t.contiguous().clone() for key, t in _flat(small).items()}, tmp_path / "m.safetensors")
    stated = cost(small, torch.zeros(1, 1, 28, 28), seconds=0).total_bytes
    assert stated == pytest.approx((tmp_path / "m.safetensors").stat().st_size, rel=0.02)
    assert small(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_filters_choose_layers():
    model = models.load("vit_fashion")
    mlp = compress.select_layers(model, "mlp")
    assert set(mlp) == {f"blocks.{i}.mlp.{fc}" for i in range(8) for fc in ("fc1", "fc2")}
    everything = compress.select_layers(model, "all", (nn.Linear, nn.Conv2d))
    inner = compress.select_layers(model, "inner", (nn.Linear, nn.Conv2d))
    assert set(everything) - set(inner) == {"patch_embed.1", "head"}
    assert set(compress.select_layers(model, "blocks.0.*.fc?")) == {"blocks.0.mlp.fc1", "blocks.0.mlp.fc2"}
    assert set(compress.select_layers(model, lambda path, layer: layer.out_features == 10)) == {"head"}
    small = compress.condense(model, sparsity=0.6)
    assert not [m for m in small.modules() if type(m) in (nn.Linear, nn.Conv2d)]


def test_shared_and_attention_layers():
    shared = nn.Linear(4, 4)
    small = compress.condense(nn.Sequential(shared, nn.ReLU(), shared), sparsity=0.6)
    assert small[0] is small[2]
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    small = compress.condense(block, sparsity=0.6)
    assert isinstance(small.linear1, FixedFanInLinear)
    x = torch.randn(2, 3, 8)
    dense = compress.condense(block, sparsity=0.6)
    dense.linear1, dense.linear2 = dense.linear1.to_dense(), dense.linear2.to_dense()
    with torch.no_grad():
        torch.testing.assert_close(small(x), dense(x))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: compress.condense(m, sparsity=1.0), r"\[0, 1\)"),
        (lambda m: compress.condense(m, sparsity=-0.1), r"\[0, 1\)"),
        (lambda m: compress.condense(m, fan_in=0), "fan_in"),
        (lambda m: compress.low_rank(m, budget=0), r"\(0, 1\]"),
        (lambda m: compress.low_rank(m, budget=1.1), r"\(0, 1\]"),
        (lambda m: compress.low_rank(m, budget=1e-4), "at least 0.0"),
        (lambda m: compress.quantize(m, mode="int4"), "'dynamic' or 'weight_only'"),
        (lambda m: compress.condense(m, layers="conv*"), "no layer matches"),
        (lambda m: compress.METHODS["condense"](m, sparsty=0.5), "did you mean 'sparsity'"),
        (lambda m: compress.METHODS["condense"](m, sparsity="much"), "needs a number"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call(models.load("mlp_mnist"))


def test_weights_that_are_not_finite_are_refused():
    model = nn.Sequential(nn.Linear(3, 3))
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="'0' has NaN or infinite weights"):
        compress.condense(model, sparsity=0.5)


def test_grid_holds_both_ends_and_the_default():
    for method in compress.METHODS.values():
        for param in method.params.values():
            if isinstance(param, compress.Param):
                grid = param.grid()
                assert grid[0] == param.low
                assert grid[-1] == pytest.approx(param.high)
                assert min(abs(value - param.default) for value in grid) < 1e-9
