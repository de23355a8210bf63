"""Convolutions in every storage equal torch's convolution with the same weight, for every geometry, dtype and batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit.layers import BitmaskConv, FixedFanInConv1d, FixedFanInConv2d, Int8Conv
from labkit.layers.manifest import describe_layers, rebuild_layers

DENSE = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@st.composite
def convolutions(draw, dimensions=(1, 2, 3)):
    """A convolution of any geometry, and an input of it."""
    count = draw(st.sampled_from(dimensions))
    groups = draw(st.sampled_from([1, 2, 4]))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * count))
    dilation = draw(st.tuples(*[st.integers(1, 2)] * count))
    padding = draw(st.one_of(st.sampled_from(["same", "valid"]), st.tuples(*[st.integers(0, 2)] * count)))
    stride = 1 if padding == "same" else draw(st.tuples(*[st.integers(1, 2)] * count))
    torch.manual_seed(draw(st.integers(0, 99)))
    conv = DENSE[count](
        4,
        draw(st.sampled_from([4, 8])),
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    )
    return conv.eval(), torch.randn(draw(st.integers(1, 3)), 4, *[7] * count)


def kinds(conv):
    made = [BitmaskConv.from_dense(conv, sparsity=0.6), Int8Conv.from_dense(conv)]
    one = {nn.Conv1d: FixedFanInConv1d, nn.Conv2d: FixedFanInConv2d}.get(type(conv))
    return made + ([] if one is None else [one.from_dense(conv, sparsity=0.6)])


def with_weight(conv, layer):
    """The dense convolution with the weight of the layer."""
    twin = type(conv)(**{**layer.conv, "bias": conv.bias is not None}).eval()
    twin.load_state_dict(layer.to_dense().state_dict())
    return twin


@given(both=convolutions())
@settings(deadline=None, max_examples=60)
def test_every_geometry_is_that_of_torch(both):
    conv, x = both
    with torch.no_grad():
        for layer in kinds(conv):
            dense = with_weight(conv, layer)
            assert dense.padding_mode == conv.padding_mode == layer.padding_mode
            torch.testing.assert_close(layer(x), dense(x), rtol=1e-5, atol=1e-5)
            assert layer(x[0]).shape == dense(x[0]).shape  # without a batch axis
            again = rebuild_layers(nn.Sequential(nn.Identity()), describe_layers(nn.Sequential(layer)))
            again.load_state_dict(nn.Sequential(layer).state_dict())
            assert torch.equal(again(x), layer(x))


@given(both=convolutions(dimensions=(1, 2)), dtype=st.sampled_from([torch.float64, torch.bfloat16, torch.float16]))
@settings(deadline=None, max_examples=30)
def test_every_dtype_is_kept(both, dtype):
    conv, x = both
    layers = [*kinds(conv)]
    with torch.no_grad():
        for layer in layers:
            dense = with_weight(conv, layer)
            near = 0.03 if dtype != torch.float64 else 1e-6
            y = layer.to(dtype)(x.to(dtype))
            assert y.dtype == dtype
            torch.testing.assert_close(y.float(), dense(x), rtol=near, atol=near)
        for layer in kinds(conv.to(dtype)) if dtype != torch.float64 else []:
            assert layer(x.to(dtype)).dtype == dtype


@given(both=convolutions(dimensions=(1, 2)))
@settings(deadline=None, max_examples=20)
def test_an_empty_batch_gives_an_empty_batch(both):
    conv, x = both
    if conv.padding_mode == "zeros":  # torch pads no empty batch in another mode
        for layer in kinds(conv):
            assert layer(x[:0]).shape == conv(x[:0]).shape


@given(both=convolutions())
@settings(deadline=None, max_examples=40)
def test_8_bits_are_within_half_a_scale_of_each_channel(both):
    conv, _ = both
    layer = Int8Conv.from_dense(conv)
    scale = layer.scale.view(-1, *[1] * (conv.weight.ndim - 1))
    assert ((layer.dense() - conv.weight).abs() <= 0.5 * scale + 1e-6 * conv.weight.abs().max()).all()  # float32 rounds
    # the range of a channel is that of its own weights, not of the whole layer's
    assert (layer.scale.flatten() <= conv.weight.detach().flatten(1).abs().amax(1) / 127 + 1e-6).all()


def test_gradients_are_those_of_the_dense_convolution():
    torch.manual_seed(0)
    conv, x = nn.Conv2d(4, 6, 3, padding=1, groups=2, padding_mode="circular"), torch.randn(2, 4, 5, 5)
    for layer in kinds(conv):
        dense, both = with_weight(conv, layer), []
        for one in (layer, dense):
            given_x = x.clone().requires_grad_()
            one(given_x).square().sum().backward()
            both.append((given_x.grad, one.bias.grad))
        torch.testing.assert_close(both[0], both[1])


def test_what_does_not_fit_is_one_sentence():
    layer = Int8Conv.from_dense(nn.Conv2d(4, 6, 3, groups=2))
    with pytest.raises(TypeError, match=r"takes inputs of float32, got torch.float64"):
        layer(torch.zeros(1, 4, 5, 5, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"must have shape \[6, 18\], got \[6, 17\]"):
        Int8Conv(layer.conv, layer.codes[:, 1:], layer.scale)
