"""Convolutions of one place on a shared basis against torch's dense ones."""

import json

import pytest
import torch
from torch import nn

from labkit.cost import macs_by_module
from labkit.layers import SharedBasisConv, SharedBasisLinear, describe_layers, rebuild_layers

DENSE = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def layer(spatial=2, widens=True, storage="bitmask", bias=True):
    torch.manual_seed(0)
    base = nn.Parameter(torch.randn(6, 10))
    factor = torch.randn(20, 10) * (torch.rand(20, 10) < 0.4)
    made = torch.randn(20 if widens else 6) if bias else None
    return SharedBasisConv(base, factor, made, widens=widens, storage=storage, spatial=spatial)


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
@pytest.mark.parametrize("widens", [True, False])
@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_it_is_its_dense_form(spatial, widens, storage):
    small = layer(spatial, widens, storage)
    dense = small.to_dense()
    assert type(dense) is DENSE[spatial]
    for places in (1, 7):  # the second goes by the whole product
        x = torch.randn(3, small.in_channels, *(places,) * spatial, requires_grad=True)
        y = small(x)
        torch.testing.assert_close(y, dense(x), rtol=1e-4, atol=1e-4)
        assert y.is_contiguous()
        (slope,) = torch.autograd.grad(y.square().sum(), x)
        (wanted,) = torch.autograd.grad(dense(x).square().sum(), x)
        torch.testing.assert_close(slope, wanted, rtol=1e-3, atol=1e-3)
    x = torch.randn(small.in_channels, *(4,) * spatial)  # without a batch
    torch.testing.assert_close(small(x), dense(x), rtol=1e-4, atol=1e-4)


def test_channels_last_inputs_give_channels_last_outputs():
    x = torch.randn(2, 6, 4, 5).to(memory_format=torch.channels_last)
    assert layer()(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_manifest_rebuilds_it(storage, bias):
    small = nn.Sequential(layer(storage=storage, bias=bias))
    again = rebuild_layers(nn.Sequential(nn.Conv2d(6, 20, 1)), json.loads(json.dumps(describe_layers(small))))
    again.load_state_dict(small.state_dict())
    x = torch.randn(2, 6, 3, 3)
    assert torch.equal(again(x), small(x))


def test_multiplications_are_those_of_the_linear_layer_at_every_place():
    conv = layer()
    linear = SharedBasisLinear(conv.base, conv.factor.dense().detach(), conv.factor.bias, widens=True)
    counted = macs_by_module(nn.Sequential(conv), torch.randn(2, 6, 4, 5))["0"]
    assert counted == macs_by_module(nn.Sequential(linear), torch.randn(40, 6))["0"]


def test_other_numbers_of_axes_are_refused():
    with pytest.raises(ValueError, match="spatial must be 1, 2 or 3, got 4"):
        layer(spatial=4)
