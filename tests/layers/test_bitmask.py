"""Bitmask storage against NumPy's packbits and torch's linear layer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from labkit.layers import BitmaskLinear, SharedBasisLinear


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 9),
    width=st.integers(1, 40),
    density=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    seed=st.integers(0, 99),
)
def test_packing_round_trip(rows, width, density, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(rows, width, generator=generator) < density
    # positions counted from 1, so that none is zero
    weight = ((torch.arange(rows * width).view(rows, width) % 100 + 1) * mask).to(dtype)
    layer = BitmaskLinear(weight)
    bits = np.unpackbits(layer.pattern.numpy(), axis=1, bitorder="little")
    assert np.array_equal(bits[:, :width].astype(bool), mask.numpy())
    assert not bits[:, width:].any()
    assert torch.equal(layer.dense(), weight)  # torch path, for autograd
    with torch.no_grad():
        assert torch.equal(layer.dense(), weight)  # compiled kernel


def test_nan_values_keep_their_positions():
    weight = torch.tensor([[0.0, float("nan"), 2.0], [float("inf"), 0.0, 0.0]])
    layer = BitmaskLinear(weight)
    for inference in (False, True):
        with torch.inference_mode(inference):
            torch.testing.assert_close(layer.dense(), weight, equal_nan=True, rtol=0, atol=0)


def test_complex_weights_are_expanded():
    weight = torch.tensor([[0, 1 + 2j, 0], [3j, 0, 4]])
    with torch.no_grad():
        assert torch.equal(BitmaskLinear(weight).dense(), weight)


def test_a_training_step_changes_the_next_output():
    torch.manual_seed(0)
    weight = torch.randn(6, 11, dtype=torch.float64) * (torch.rand(6, 11) < 0.5)
    layer, x = BitmaskLinear(weight, torch.randn(6, dtype=torch.float64)), torch.randn(3, 11, dtype=torch.float64)

    def called(values):
        return torch.func.functional_call(layer, {"values": nn.Parameter(values) if not values.requires_grad else values}, (x,))

    assert torch.autograd.gradcheck(called, (layer.values.detach().clone().requires_grad_(),))
    with torch.no_grad():
        before = layer(x)
        layer.values += 1
        torch.testing.assert_close(layer(x) - before, F.linear(x, (weight != 0).double()))


def test_export_keeps_the_pattern():
    torch.manual_seed(0)
    layer, x = BitmaskLinear(torch.randn(6, 11) * (torch.rand(6, 11) < 0.5)).eval(), torch.randn(3, 11)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(layer, (x,)).module()(x), layer(x))


@pytest.mark.parametrize("weight", [torch.zeros(3), torch.zeros(2, 3, 4)])
def test_a_weight_that_is_not_a_matrix_raises(weight):
    with pytest.raises(ValueError, match=r"weight must have shape \[outputs, inputs\]"):
        BitmaskLinear(weight)


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
def test_manifests_of_labkit_0_1_are_still_read(storage):
    old = {"in_features": 8, "out_features": 3, "links": 5, "bias": True}
    assert BitmaskLinear.from_spec(**old).spec() == {"in_features": 8, "out_features": 3, "nonzeros": 5, "bias": True}
    shape = {"width": 6, "rank": 4, "hidden": 3, "bias": False, "widens": True, "storage": storage}
    assert SharedBasisLinear.from_spec(**shape, links=6).spec() == {**shape, "nonzeros": 6}
