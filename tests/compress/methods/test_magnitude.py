"""Magnitude pruning keeps exactly what was asked for, in linear layers and convolutions, and says which outputs it silenced."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit import compress
from labkit.cost import bytes_by_kind
from labkit.layers import BitmaskConv, BitmaskLinear, notes_of


def values_of(model):
    return [layer.values for layer in model.modules() if isinstance(layer, (BitmaskLinear, BitmaskConv))]


def stack(change=lambda weight: weight):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, groups=1), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(72, 10)).eval()
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.data = change(parameter.data)
    return net


@given(
    budget=st.floats(0.05, 1),
    change=st.sampled_from([torch.sign, lambda weight: torch.round(weight * 8) + 0.5, torch.Tensor.bfloat16, torch.ones_like]),
)
@settings(deadline=None)
def test_exactly_the_count_asked_for_is_kept_however_many_tie(budget, change):
    net = stack(change)
    weights = [layer.weight.detach() for layer in (net[0], net[1], net[3])]
    small = compress.magnitude(net, budget=budget)
    assert sum(len(values) for values in values_of(small)) == int(budget * sum(weight.numel() for weight in weights) + 1e-6)
    flat = torch.cat([weight.flatten() for weight in weights]).float()
    kept = torch.cat([small[i].dense().detach().flatten() for i in (0, 1, 3)]).float()
    assert torch.equal(kept[kept != 0], flat[kept != 0])
    assert flat[kept != 0].abs().min() >= flat[kept == 0].abs().max() if (kept == 0).any() else True
    # of weights of one magnitude the first stay
    ties = (flat.abs() == flat[kept != 0].abs().min()).nonzero().flatten()
    stays = kept[ties] != 0
    assert torch.equal(stays, stays.sort(descending=True, stable=True).values)


def test_weights_that_are_zero_are_not_stored():
    net = stack(lambda weight: weight * (torch.rand_like(weight) < 0.3))
    nonzeros = sum(int((layer.weight != 0).sum()) for layer in (net[0], net[1], net[3]))
    assert sum(len(values) for values in values_of(compress.magnitude(net, budget=0.9))) == nonzeros


def test_a_budget_of_bytes_holds_for_convolutions():
    net = stack()
    held = bytes_by_kind(compress.magnitude(net, budget=0.5, unit="bytes"))
    assert held["masks"] == 8 * 4 + 8 * 2 + 10 * 9  # bits of 27, 9 and 72 entries an output
    weights, biases = 4 * (216 + 72 + 720), 4 * (8 + 8 + 10)
    assert 0.5 * weights - 4 <= held["values"] - biases + held["masks"] <= 0.5 * weights


def test_a_layer_without_weights_is_named():
    net = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 4)).eval()
    net[2].weight.data.mul_(1e-6)
    small = compress.magnitude(net, budget=0.5)
    assert not len(small[2].values)
    assert notes_of(small) == (
        "magnitude keeps no weight of 2, whose outputs no longer depend on the input; "
        "give a larger budget, or leave these layers out",
    )
    assert torch.equal(small(torch.randn(3, 20)), net[2].bias.expand(3, 4))


def test_outputs_without_weights_are_counted():
    net = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 4)).eval()
    net[0].weight.data[:3].mul_(1e-6)
    net[0].weight.data[9].zero_()  # had none before
    net[2].weight.data[1].mul_(1e-6)
    notes = notes_of(compress.magnitude(net, budget=0.3))
    assert notes == ("magnitude keeps no weight of 4 of the 14 outputs of 2 layers, most of 0; they no longer depend on the input",)
    assert notes_of(compress.magnitude(net, budget=1)) == () or "larger than the original" in notes_of(compress.magnitude(net))[0]


@pytest.mark.parametrize("kind", ["resnet18", "mobilenetv3_small_050", "ghostnet_050", "dla46_c"])
def test_convolutional_networks_of_timm_are_taken(kind):
    import timm

    net = timm.create_model(kind, num_classes=7).eval()
    x = torch.randn(2, 3, 64, 64)
    small = compress.magnitude(net, budget=0.25)
    stored = sum(bytes_by_kind(small).values()) / sum(bytes_by_kind(net).values())
    assert stored < 0.36  # a quarter of the weights and a bit for each, and what is not pruned
    assert small(x).shape == net(x).shape
