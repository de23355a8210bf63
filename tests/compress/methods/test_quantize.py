"""Quantizing takes convolutions too: a quarter of the bytes of any network, with little change to its outputs."""

import pytest
import torch
from torch import nn

from labkit import compress
from labkit.cost import bytes_by_kind, count_parameters
from labkit.layers import Int8Conv, Int8Linear, int8_codes, notes_of


@pytest.mark.parametrize("kind", ["resnet18", "mobilenetv3_small_050", "ghostnet_050", "dla46_c"])
def test_convolutional_networks_of_timm_take_a_quarter_of_the_bytes(kind):
    import timm

    torch.manual_seed(0)
    net = timm.create_model(kind, num_classes=7).eval()
    small = compress.quantize(net)
    assert {type(layer) for layer in small.modules() if hasattr(layer, "codes")} <= {Int8Conv, Int8Linear}
    assert not [layer for layer in small.modules() if type(layer) in (nn.Linear, nn.Conv2d)]
    ratio = sum(bytes_by_kind(small).values()) / sum(bytes_by_kind(net).values())
    assert 0.25 < ratio < {"resnet18": 0.26}.get(kind, 0.33)  # beside codes: scales, biases and normalisation in float32
    assert count_parameters(small) == count_parameters(net)
    x = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        y = net(x)
        assert float((small(x) - y).norm() / y.norm()) < 0.1


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_convolutions_of_every_dimension_are_taken(dimensions):
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
    net, x = nn.Sequential(kind(2, 4, 3, padding=1)).eval(), torch.randn(2, 2, *[5] * dimensions)
    for method in (compress.quantize, lambda net: compress.magnitude(net, budget=0.9)):
        small = method(net)
        assert type(small[0]) is not kind
        torch.testing.assert_close(small(x), small[0].to_dense()(x))


def test_gradients_reach_what_comes_before_the_last_quantized_layer():
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 8), nn.LayerNorm(8), nn.Linear(8, 3)
    )
    small = compress.quantize(net)
    small(torch.randn(5, 2, 5, 5)).square().sum().backward()
    parameters = dict(small.named_parameters())
    assert set(parameters) == {"0.bias", "1.weight", "1.bias", "4.bias", "5.weight", "5.bias", "6.bias"}
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in parameters.values())


@pytest.mark.parametrize("there", [True, False])
def test_a_processor_that_gains_no_time_is_named(there, monkeypatch):
    monkeypatch.setattr("labkit.compress.methods.quantize.has_vnni", lambda: there)
    net = nn.Sequential(nn.Linear(8, 4))
    said = [note for note in notes_of(compress.quantize(net)) if "VNNI" in note]
    assert bool(said) is not there
    assert not [note for note in notes_of(compress.quantize(net, mode="weight_only")) if "VNNI" in note]
    assert int8_codes.has_vnni() == torch.cpu._is_vnni_supported()


def test_an_unknown_mode_is_refused_for_convolutions_too():
    with pytest.raises(ValueError, match="mode must be 'dynamic' or 'weight_only', got 'int4'"):
        compress.quantize(nn.Sequential(nn.Conv2d(2, 2, 3)), mode="int4")


def test_networks_that_read_the_weight_past_its_forward_compute_with_the_dense_one():
    layer = Int8Linear.from_dense(nn.Linear(8, 4), mode="weight_only")
    x = torch.randn(2, 8)
    torch.testing.assert_close(nn.functional.linear(x, layer.weight, layer.bias), layer(x))
    assert layer.weight.dtype == torch.float32
