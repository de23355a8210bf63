"""8-bit layers against torchao itself and the bound of rounding."""

import copy

import pytest
import torch
from torch import nn

from labkit.layers import Int8Linear


@pytest.fixture
def dense():
    torch.manual_seed(0)
    return nn.Linear(48, 20).eval()


@pytest.mark.parametrize("mode", ["dynamic", "weight_only"])
def test_outputs_are_those_of_torchao(dense, mode):
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

    config = {"dynamic": Int8DynamicActivationInt8WeightConfig, "weight_only": Int8WeightOnlyConfig}[mode]()
    theirs = nn.Sequential(copy.deepcopy(dense))
    quantize_(theirs, config)
    for shape in ((1, 48), (7, 48), (2, 3, 48)):
        x = torch.randn(shape)
        assert torch.equal(Int8Linear.from_dense(dense, mode=mode)(x), theirs(x))


def test_weights_are_within_half_a_step(dense):
    # one scale per row: the largest weight of a row is 127 steps, or 127.5 with an asymmetric range
    step = dense.weight.detach().abs().amax(1, keepdim=True) / 127
    near = Int8Linear.from_dense(dense, mode="weight_only").to_dense().weight.detach()
    error = (near - dense.weight.detach()).abs()
    assert (error <= 0.5 * step * 1.01).all()
    assert error.max() > 0.1 * step.min()  # rounding did happen


@pytest.mark.parametrize("mode", ["dynamic", "weight_only"])
def test_outputs_are_within_the_quantization_error(dense, mode):
    x = torch.randn(16, 48)
    largest = dense.weight.detach().abs()
    weight_step = largest.amax(1) / 127
    input_step = x.abs().amax(1, keepdim=True) / 127 if mode == "dynamic" else torch.zeros(16, 1)
    # |xw - x'w'| <= |x| |w - w'| + |x - x'| |w'|, each rounded by half a step at most
    bound = 0.5 * (x.abs().sum(1, keepdim=True) * weight_step + input_step * (largest.sum(1) + 48 * weight_step))
    error = (Int8Linear.from_dense(dense, mode=mode)(x) - dense(x)).abs()
    assert (error <= 1.02 * bound + 1e-5).all()
    assert error.max() > 0.01 * bound.max()  # the bound is not vacuous


@pytest.mark.parametrize("mode", ["dynamic", "weight_only"])
@pytest.mark.parametrize("shape", [(0, 48), (2, 0, 48), (48,)])
def test_empty_and_single_batches_keep_their_shape(dense, mode, shape):
    assert Int8Linear.from_dense(dense, mode=mode)(torch.zeros(shape)).shape == (*shape[:-1], 20)


def test_the_dense_layer_is_unchanged(dense):
    before = dense.weight.detach().clone()
    layer = Int8Linear.from_dense(dense)
    assert torch.equal(dense.weight, before)
    assert layer.bias.data_ptr() != dense.bias.data_ptr()


def test_invalid_input_raises(dense):
    with pytest.raises(ValueError, match="'dynamic' or 'weight_only', got 'int4'"):
        Int8Linear.from_dense(dense, mode="int4")
    with pytest.raises(TypeError, match=r"float32, bfloat16, float16, got torch[.]float64"):
        Int8Linear.from_dense(dense.double())
