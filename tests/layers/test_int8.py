"""8-bit layers against torchao itself and the bound of rounding."""

import copy
import timeit

import pytest
import torch
from torch import nn

from labkit.layers import Int8Linear, int8_codes


@pytest.fixture
def dense():
    torch.manual_seed(0)
    return nn.Linear(48, 20).eval()


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("width", [2, 48, 1024, 1025, 3001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mode", ["dynamic", "weight_only"])
def test_outputs_are_those_of_torchao_bit_for_bit(mode, dtype, width, integers, monkeypatch):
    """Products of integers and products of the same integers as floats are one number, past 1024 inputs in parts."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

    monkeypatch.setattr(int8_codes, "has_vnni", lambda: integers)
    torch.manual_seed(0)
    dense = nn.Linear(width, 20).eval().to(dtype)
    dense.weight.data[0] = dense.weight.data.max()  # all 127: the largest sums there are
    config = {"dynamic": Int8DynamicActivationInt8WeightConfig, "weight_only": Int8WeightOnlyConfig}[mode]()
    theirs = nn.Sequential(copy.deepcopy(dense))
    quantize_(theirs, config)
    with torch.no_grad():
        for x in (torch.randn(1, width), torch.randn(7, width), torch.randn(2, 3, width), torch.ones(2, width)):
            assert torch.equal(Int8Linear.from_dense(dense, mode=mode)(x.to(dtype)), theirs(x.to(dtype)))


@pytest.mark.parametrize("mode", ["dynamic", "weight_only"])
def test_gradients_pass_straight_through_the_rounding(mode):
    """What comes before a quantized layer learns as before the dense layer of the same weight, and outputs do not change."""
    torch.manual_seed(0)
    first, dense, x = nn.Linear(5, 48), nn.Linear(48, 20), torch.randn(7, 5)
    layer = Int8Linear.from_dense(dense, mode=mode)
    grads = []
    for last in (layer, layer.to_dense()):
        first.zero_grad()
        (last(torch.tanh(first(x))) * torch.arange(20.0)).sum().backward()
        grads.append([parameter.grad.clone() for parameter in first.parameters()])
    torch.testing.assert_close(*grads)
    assert layer.bias.grad.tolist() == [7.0 * i for i in range(20)]
    with torch.no_grad():
        without = layer(torch.tanh(first(x)))
    assert torch.equal(layer(torch.tanh(first(x))).detach(), without)


def test_casting_keeps_the_scales():
    layer = Int8Linear.from_dense(nn.Linear(48, 20))
    before = layer.scale.clone()
    assert torch.equal(layer.half().float().scale, before)
    assert layer.half().dense().dtype == torch.float16
    assert layer.spec()["dtype"] == "float16"


def test_a_layer_of_one_input_is_quantized():
    dense, x = nn.Linear(1, 3), torch.randn(4, 1)
    torch.testing.assert_close(Int8Linear.from_dense(dense, mode="weight_only")(x), dense(x), rtol=0, atol=0.02)


def test_another_dtype_of_inputs_is_one_sentence():
    layer = Int8Linear.from_dense(nn.Linear(8, 3))
    for x in (torch.zeros(2, 8, dtype=torch.float64), torch.zeros(2, 8, dtype=torch.int64)):
        with pytest.raises(TypeError, match=rf"takes inputs of float32, got {x.dtype}; convert them with .to\(torch.float32\)"):
            layer(x)


def test_a_state_of_torchao_tensors_loads():
    """States that labkit 0.1 wrote."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    dense, x = nn.Linear(48, 20).eval(), torch.randn(3, 48)
    theirs = nn.Sequential(copy.deepcopy(dense))
    quantize_(theirs, Int8DynamicActivationInt8WeightConfig())
    mine = nn.Sequential(Int8Linear.from_spec(48, 20, bias=True, mode="dynamic"))
    mine.load_state_dict(theirs.state_dict())
    assert torch.equal(mine(x), theirs(x))


@pytest.mark.parametrize(("inputs", "outputs", "batch"), [(512, 512, 64), (2048, 512, 64)])
def test_dynamic_layers_take_no_multiple_of_the_dense_time(inputs, outputs, batch):
    """torchao's integer product takes 10 to 40 times as long without instructions for it."""
    dense, x = nn.Linear(inputs, outputs).eval(), torch.randn(batch, inputs)
    layer, times = Int8Linear.from_dense(dense), {}
    with torch.inference_mode():
        for one in (dense, layer):
            one(x)
            times[one] = min(timeit.repeat(lambda one=one: one(x), number=1, repeat=15))
    assert times[layer] < 6 * times[dense]


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
