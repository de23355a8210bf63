"""The condensed layers against torch's dense ones, a gather in float64, and finite differences."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit.kernels.topology import index_dtype
from labkit.layers import FixedFanInConv2d, FixedFanInLinear
from labkit.layers.fixed_fan_in_conv import geometry

CONVOLUTIONS = [
    {},
    {"groups": 2},
    {"groups": 4, "bias": False},
    {"stride": 2, "padding": 1},
    {"stride": (2, 1), "padding": (0, 2)},
    {"dilation": 2, "padding": "same"},
    {"kernel_size": (1, 3), "padding": "valid"},
    {"kernel_size": 1},
]


def conv(**options):
    return nn.Conv2d(4, 8, **{"kernel_size": 3, **options})


def by_hand(x, values, index, bias):
    """y = bias + sum_k w x[index] in float64, one output at a time."""
    x, values = x.double(), values.detach().double()
    columns = [(x[..., row] * weights).sum(-1) for row, weights in zip(index.to(torch.int64), values, strict=True)]
    return torch.stack(columns, -1) + (0 if bias is None else bias.detach().double())


@pytest.mark.parametrize("bias", [True, False])
def test_full_fan_in_is_the_dense_layer(bias):
    dense, x = nn.Linear(37, 11, bias), torch.randn(5, 37)
    layer = FixedFanInLinear.from_dense(dense, fan_in=37)
    torch.testing.assert_close(layer(x), dense(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_full_fan_in_is_the_dense_convolution(options):
    dense, x = conv(**options), torch.randn(2, 4, 9, 7)
    layer = FixedFanInConv2d.from_dense(dense, fan_in=dense.weight[0].numel())
    torch.testing.assert_close(layer(x), dense(x), rtol=0, atol=1e-6)
    torch.testing.assert_close(layer.to_dense()(x), dense(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_condensed_convolution_is_the_masked_one(options):
    dense, x = conv(**options), torch.randn(2, 4, 9, 7)
    layer = FixedFanInConv2d.from_dense(dense, fan_in=3)
    masked = copy.deepcopy(dense)
    flat = dense.weight.detach().flatten(1).numpy()
    small = np.argsort(-np.abs(flat), axis=1)[:, 3:]
    with torch.no_grad():
        pruned = flat.copy()
        np.put_along_axis(pruned, small, 0, axis=1)
        masked.weight.copy_(torch.from_numpy(pruned).view_as(dense.weight))
    torch.testing.assert_close(layer(x), masked(x), rtol=0, atol=1e-6)


@given(rows=st.integers(1, 6), width=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_the_largest_of_each_row_are_kept(rows, width, share, seed):
    k = max(1, round(share * width))
    weight = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    dense = nn.Linear(width, rows)
    with torch.no_grad():
        dense.weight.copy_(torch.from_numpy(weight))
    layer = FixedFanInLinear.from_dense(dense, fan_in=k)
    wanted = np.sort(np.argsort(-np.abs(weight), axis=1)[:, :k], axis=1)
    assert np.array_equal(layer.index.numpy(), wanted)
    assert np.array_equal(layer.weight.detach().numpy(), np.take_along_axis(weight, wanted, axis=1))
    assert layer.weight.shape == (rows, k)


@pytest.mark.parametrize(("width", "dtype"), [(1, torch.uint16), (65_536, torch.uint16), (65_537, torch.int32)])
def test_index_is_as_narrow_as_the_columns_allow(width, dtype):
    assert index_dtype(width) is dtype
    layer = FixedFanInLinear(width, torch.tensor([[3.0]]), torch.tensor([[width - 1]]))
    x = torch.zeros(1, width)
    x[0, -1] = 2
    assert layer.index.dtype is dtype
    assert layer(x).item() == 6  # the last column did not wrap around


@given(
    lead=st.sampled_from([(), (0,), (1,), (3,), (2, 0), (2, 3)]),
    rows=st.integers(1, 5),
    width=st.integers(1, 17),
    edge=st.sampled_from(["one", "all", "some", "more than all"]),
    bias=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_forward_is_the_formula(lead, rows, width, edge, bias, seed):
    g = torch.Generator().manual_seed(seed)
    k = {"one": 1, "all": width, "some": max(1, width // 2), "more than all": width + 3}[edge]
    index = torch.randint(width, (rows, k), generator=g)  # with duplicates, which add up
    values = torch.randn(rows, k, generator=g, dtype=torch.float64)
    b = torch.randn(rows, generator=g, dtype=torch.float64) if bias else None
    layer = FixedFanInLinear(width, values, index, b)
    x = torch.randn(*lead, width, generator=g, dtype=torch.float64)
    y = layer(x)
    assert y.shape == (*lead, rows)
    torch.testing.assert_close(y, by_hand(x, values, index, b), rtol=1e-12, atol=1e-12)
    with torch.no_grad():  # uses the cached dense weight
        torch.testing.assert_close(layer(x), y, rtol=1e-12, atol=1e-12)


def test_gradients_against_finite_differences():
    g = torch.Generator().manual_seed(0)
    index = torch.tensor([[0, 2, 2], [4, 1, 0]])  # one duplicate
    values = torch.randn(2, 3, dtype=torch.float64, generator=g)
    bias, x = (torch.randn(*shape, dtype=torch.float64, generator=g) for shape in ((2,), (3, 5)))

    def forward(values, bias, x):
        layer = FixedFanInLinear(5, torch.zeros(2, 3, dtype=torch.float64), index, torch.zeros(2, dtype=torch.float64))
        return torch.func.functional_call(layer, {"weight": values, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(forward, [t.requires_grad_() for t in (values, bias, x)])


def test_convolution_gradients_against_finite_differences():
    g = torch.Generator().manual_seed(0)
    dense = nn.Conv2d(4, 4, 3, padding=1, groups=2).double()
    layer = FixedFanInConv2d.from_dense(dense, fan_in=5)
    x = torch.randn(1, 4, 4, 4, dtype=torch.float64, generator=g, requires_grad=True)

    def forward(values, bias, x):
        return torch.func.functional_call(layer, {"weight": values, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(forward, [layer.weight, layer.bias, x])


def test_frozen_layer_gives_input_gradients_after_inference_mode():
    # as in an adversarial attack on a frozen network after its evaluation
    layer = FixedFanInLinear.from_dense(nn.Linear(8, 3), fan_in=2).requires_grad_(False)
    with torch.inference_mode():
        layer(torch.ones(1, 8))
    x = torch.ones(1, 8, requires_grad=True)
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad[0], layer.to_dense().weight.sum(0).detach())


def test_an_ablated_neuron_outputs_its_bias():
    # the published condensed layer returns a shorter vector and drops these biases
    dense = nn.Linear(6, 4)
    with torch.no_grad():
        dense.weight[1] = 0
        dense.bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    y = FixedFanInLinear.from_dense(dense, fan_in=2)(torch.randn(3, 6))
    assert y.shape == (3, 4)
    assert y[:, 1].tolist() == [2, 2, 2]
    empty = FixedFanInLinear(6, torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.int64), torch.tensor([5.0, 7.0]))
    assert empty(torch.randn(2, 6)).tolist() == [[5, 7], [5, 7]]


def write_in_place(layer):
    with torch.no_grad():
        layer.weight.mul_(2)


def write_in_inference_mode(layer):
    with torch.inference_mode():
        layer.weight.add_(1)


def step(layer):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    layer(torch.ones(2, layer.in_features)).sum().backward()
    optimizer.step()


def load(layer):
    layer.load_state_dict(FixedFanInLinear.from_dense(nn.Linear(9, 4), fan_in=layer.fan_in).state_dict())


def move_an_index(layer):
    layer.index[0, 0] = (int(layer.index[0, 0]) + 1) % 9


def assign(layer):
    layer.weight = nn.Parameter(torch.ones_like(layer.weight))


@pytest.mark.parametrize(
    "change", [write_in_place, write_in_inference_mode, step, load, move_an_index, assign, nn.Module.double, nn.Module.bfloat16]
)
def test_every_change_invalidates_the_cached_dense_weight(change):
    layer = FixedFanInLinear.from_dense(nn.Linear(9, 4), fan_in=3)
    x = torch.randn(5, 9)
    with torch.no_grad():
        before = layer(x)
    change(layer)
    x = x.to(layer.weight.dtype)
    with torch.no_grad():
        after = layer(x)
    assert after.dtype is layer.weight.dtype
    torch.testing.assert_close(after.double(), by_hand(x, layer.weight, layer.index, layer.bias), rtol=0.02, atol=0.02)
    assert after.dtype is not torch.float32 or not torch.equal(after, before)


def test_the_state_holds_only_values_and_indices():
    layer = FixedFanInLinear.from_dense(nn.Linear(9, 4), fan_in=3)
    layer(torch.randn(2, 9)).sum().backward()  # what the gradient needs is not stored
    assert set(layer.state_dict()) == {"weight", "index", "bias"}


def test_copies_are_independent():
    layer = FixedFanInLinear.from_dense(nn.Linear(9, 4), fan_in=3)
    x = torch.randn(5, 9)
    with torch.no_grad():
        before = layer(x)
        other = copy.deepcopy(layer)
        other.weight.zero_()
        assert torch.equal(layer(x), before)
        assert torch.equal(other(x), other.bias.expand(5, 4))


@pytest.mark.parametrize("bias", [True, False])
def test_to_dense_and_back(bias):
    layer = FixedFanInLinear.from_dense(nn.Linear(20, 6, bias), fan_in=4)
    dense = layer.to_dense()
    assert type(dense) is nn.Linear
    assert int((dense.weight != 0).sum()) == 24
    again = FixedFanInLinear.from_dense(dense, fan_in=4)
    assert torch.equal(again.index, layer.index)
    assert torch.equal(again.weight, layer.weight)
    with torch.no_grad():
        dense.weight.zero_()  # shares no memory with the layer
        assert layer.dense().abs().sum() > 0


def test_training_mode_is_kept():
    dense = nn.Linear(4, 2)
    for mode in (True, False):
        layer = FixedFanInLinear.from_dense(dense.train(mode), fan_in=1)
        assert layer.training is layer.to_dense().training is mode


@pytest.mark.parametrize(("sparsity", "fan_in"), [(0.51, 24), (0.9, 5), (0.99, 1), (0.999, 1)])
def test_sparsity_determines_the_fan_in(sparsity, fan_in):
    assert FixedFanInLinear.from_dense(nn.Linear(50, 3), sparsity=sparsity).fan_in == fan_in


@pytest.mark.parametrize(("sparsity", "kept"), [(0.0, 50), (0.3, 35), (0.5, 25)])
def test_half_or_more_of_the_weights_stay_a_dense_layer_with_a_warning(sparsity, kept):
    dense = nn.Linear(50, 3)
    with pytest.warns(UserWarning, match="50 % or less .* stays an nn.Linear"):
        layer = FixedFanInLinear.from_dense(dense, sparsity=sparsity)
    assert type(layer) is nn.Linear
    assert (layer.weight != 0).sum(1).tolist() == [kept] * 3
    x = torch.randn(4, 50)
    torch.testing.assert_close(layer(x), FixedFanInLinear.from_dense(dense, fan_in=kept)(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({}, ValueError, "either fan_in or sparsity"),
        ({"fan_in": 2, "sparsity": 0.5}, ValueError, "either fan_in or sparsity"),
        ({"sparsity": 1.0}, ValueError, r"\[0, 1\), got 1.0"),
        ({"sparsity": -0.1}, ValueError, r"\[0, 1\), got -0.1"),
        ({"sparsity": float("nan")}, ValueError, r"\[0, 1\), got nan"),
        ({"fan_in": 0}, ValueError, "between 1 and 8.*got 0"),
        ({"fan_in": 9}, ValueError, "between 1 and 8.*got 9"),
        ({"fan_in": 2.5}, TypeError, "integer, got 2.5"),
    ],
)
def test_invalid_fan_in_or_sparsity_raises(options, kind, words):
    with pytest.raises(kind, match=words):
        FixedFanInLinear.from_dense(nn.Linear(8, 3), **options)
    with pytest.raises(kind, match=words):
        FixedFanInConv2d.from_dense(nn.Conv2d(2, 3, 2), **options)


@pytest.mark.parametrize(
    ("values", "index", "bias", "kind", "words"),
    [
        ((3, 2), torch.full((3, 2), 8), None, ValueError, "is 8, but columns run from 0 to 7"),
        ((3, 2), torch.full((3, 2), -1), None, ValueError, "is -1, but columns run from 0 to 7"),
        ((3, 2), torch.zeros(3, 2), None, TypeError, "tensor of integers, got torch.float32"),
        ((3, 2), torch.zeros(3, 2, dtype=torch.bool), None, TypeError, "tensor of integers, got torch.bool"),
        ((3, 2), torch.zeros(2, 3, dtype=torch.int64), None, ValueError, r"one shape.*\[3, 2\] and \[2, 3\]"),
        ((6,), torch.zeros(6, dtype=torch.int64), None, ValueError, "one shape"),
        ((3, 2), torch.zeros(3, 2, dtype=torch.int64), torch.zeros(2), ValueError, r"bias must have shape \[3\], got \[2\]"),
    ],
)
def test_invalid_tensors_raise(values, index, bias, kind, words):
    with pytest.raises(kind, match=words):
        FixedFanInLinear(8, torch.zeros(values), index, bias)
    with pytest.raises(kind, match=words + "|one row per output channel"):
        FixedFanInConv2d(geometry(nn.Conv2d(2, 3, 2)), torch.zeros(values), index, bias)


def test_values_of_another_number_of_channels_raise():
    with pytest.raises(ValueError, match=r"one row per output channel, 3, got \[5, 2\]"):
        FixedFanInConv2d(geometry(nn.Conv2d(2, 3, 2)), torch.zeros(5, 2), torch.zeros(5, 2, dtype=torch.int64))


def test_full_fan_in_with_reflected_padding_is_the_layer():
    conv, x = nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), torch.randn(2, 2, 5, 5)
    torch.testing.assert_close(FixedFanInConv2d.from_dense(conv, sparsity=0.0)(x), conv(x), rtol=0, atol=1e-6)
