"""Feed-forward blocks of 1x1 convolutions: found like those of linear layers, and compressed to the same numbers."""

import copy

import pytest
import timm
import torch
from torch import nn

from labkit import compress
from labkit.compress.mlps import MLP, find_mlps
from labkit.layers import SharedBasisConv, describe_layers, rebuild_layers


def meta(name):
    with torch.device("meta"):
        return timm.create_model(name, pretrained=False)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("convnext_atto", 12), ("convnextv2_femto", 12), ("inception_next_tiny", 18), ("poolformer_s12", 12), ("convnext_tiny", 18)],
)
def test_every_block_of_these_networks_is_found(name, blocks):
    found = find_mlps(meta(name))
    assert len(found) == blocks
    assert [mlp.name for mlp in found] == sorted(
        (mlp.name for mlp in found), key=lambda text: [int(part) if part.isdigit() else part for part in text.split(".")]
    )


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "mobilenetv3_small_050", "efficientnet_b0", "densenet121", "ghostnet_050"]
)
def test_bottlenecks_and_inverted_residuals_are_no_feed_forward_blocks(name):
    assert find_mlps(meta(name)) == []


def pair():
    """The same two blocks of linear layers over channels, and of convolutions."""
    torch.manual_seed(0)
    linear = nn.Sequential(*(nn.Sequential(nn.Linear(6, 18), nn.GELU(), nn.Linear(18, 6)) for _ in range(2))).eval()
    conv = copy.deepcopy(linear)
    for block in conv:
        for place in (0, 2):
            old = block[place]
            block[place] = nn.Conv2d(old.in_features, old.out_features, 1)
            block[place].weight = nn.Parameter(old.weight.detach()[:, :, None, None].clone())
            block[place].bias = nn.Parameter(old.bias.detach().clone())
    return linear, conv.eval()


@pytest.mark.parametrize("storage", ["bitmask", "fixed_fan_in"])
@pytest.mark.parametrize("settings", [{}, {"aware": True}, {"aware": True, "steps": 4, "finetune": 2}], ids=str)
def test_the_numbers_are_those_of_linear_layers(settings, storage):
    linear, conv = pair()
    x = torch.randn(32, 6, 3, 4)
    steps = {key: value for key, value in settings.items() if key != "aware"}
    one, other = (
        compress.fips(net, budget=0.4, storage=storage, calibration=given if "aware" in settings else None, **steps)
        for net, given in ((linear, x.movedim(1, -1)), (conv, x))
    )
    with torch.no_grad():
        got, wanted, exact = other(x), one(x.movedim(1, -1)).movedim(-1, 1), conv(x)
    if "aware" not in settings:
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)
    # activations are rounded otherwise in convolutions, and may tip the choice between two nonzeros that are worth the same
    errors = [float((small - exact).norm() / exact.norm()) for small in (got, wanted)]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)
    assert one.fips["ranks"] == other.fips["ranks"]
    assert compress.sharing(other)[["layer", "group", "rank"]].equals(compress.sharing(one)[["layer", "group", "rank"]])


def test_at_full_rank_it_is_the_network():
    _, conv = pair()
    x = torch.randn(4, 6, 5, 5)
    small = compress.fips(conv, rank=6, sparsity=0.0)
    torch.testing.assert_close(small(x), conv(x), rtol=0, atol=1e-5)


def test_it_is_stored_with_one_base_and_rebuilt(tmp_path):
    from labkit.runs.weights import load_state, save_state

    _, conv = pair()
    small = compress.fips(conv, budget=0.4)
    assert sum(isinstance(layer, SharedBasisConv) for layer in small.modules()) == 4
    save_state(small, tmp_path / "model.safetensors")
    again = rebuild_layers(copy.deepcopy(conv), describe_layers(small))
    load_state(again, tmp_path / "model.safetensors")
    x = torch.randn(2, 6, 5, 5)
    assert torch.equal(again(x), small(x))
    assert len({id(layer.base) for layer in again.modules() if isinstance(layer, SharedBasisConv)}) == 1


class Forecaster(nn.Module):
    """A feed-forward block over series, as Informer and Autoformer have it."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(8, 32, 1), nn.Conv1d(32, 8, 1)

    def forward(self, x):
        return x + self.conv2(self.conv1(x.transpose(1, 2)).relu()).transpose(1, 2)


def test_series_have_them_too():
    torch.manual_seed(0)
    net, x = Forecaster(), torch.randn(20, 11, 8)
    assert find_mlps(net) == [MLP(("conv1",), "conv2", 8)]
    small = compress.fips(net, budget=0.9, sparsity=0.0, calibration=x)
    assert small(x).shape == x.shape
    assert small.fips["closed_form"]["blocks"] < 0.5


def test_strides_paddings_groups_and_larger_kernels_are_not_of_one_place():
    for options in ({"stride": 2}, {"padding": 1}, {"groups": 2}, {"kernel_size": 3, "padding": 1}):
        kernel = {"kernel_size": 1, **options}
        assert find_mlps(nn.Sequential(nn.Conv2d(4, 16, **kernel), nn.ReLU(), nn.Conv2d(16, 4, 1))) == []
