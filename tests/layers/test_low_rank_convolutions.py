"""Factorised convolutions of one and two axes against torch's, for every padding, stride and dilation."""

import json

import pytest
import torch
from torch import nn

from labkit.layers import LowRankConv1d, LowRankConv2d, describe_layers, rebuild_layers

MODES = ["zeros", "reflect", "replicate", "circular"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [{"padding": 2, "stride": 2}, {"padding": "same", "dilation": 2}, {"padding": "same", "kernel_size": 4}, {"padding": "valid"}],
    ids=str,
)
@pytest.mark.parametrize("axes", [1, 2])
def test_at_full_rank_it_is_the_convolution(axes, mode, options):
    dense_kind, kind = ((nn.Conv1d, LowRankConv1d), (nn.Conv2d, LowRankConv2d))[axes - 1]
    torch.manual_seed(0)
    dense = dense_kind(3, 8, **{"kernel_size": 3, **options}, padding_mode=mode)
    x = torch.randn(2, 3, *(11, 9)[:axes])
    layer = kind.from_dense(dense, rank=8)
    for same in (layer, layer.to_dense()):
        torch.testing.assert_close(same(x), dense(x), rtol=1e-5, atol=1e-5)
    assert type(layer.to_dense()) is dense_kind
    thin = kind.from_dense(dense, rank=2)
    torch.testing.assert_close(thin(x), thin.to_dense()(x), rtol=1e-5, atol=1e-5)


def test_uneven_paddings_keep_their_axes():
    dense = nn.Conv2d(3, 4, (3, 5), padding=(1, 2), padding_mode="circular")
    x = torch.randn(1, 3, 6, 7)
    torch.testing.assert_close(LowRankConv2d.from_dense(dense, rank=4)(x), dense(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dense", [nn.Conv1d(3, 8, 3, padding_mode="reflect", padding=1), nn.Conv2d(3, 8, 3)], ids=["1d", "2d"])
def test_a_manifest_rebuilds_it(dense):
    kind = LowRankConv1d if isinstance(dense, nn.Conv1d) else LowRankConv2d
    small = nn.Sequential(kind.from_dense(dense, rank=2))
    again = rebuild_layers(nn.Sequential(dense), json.loads(json.dumps(describe_layers(small))))
    again.load_state_dict(small.state_dict())
    x = torch.randn(2, 3, *(9,) * (dense.weight.ndim - 2))
    assert type(again[0]) is kind
    assert torch.equal(again(x), small(x))


def test_manifests_with_zero_padding_read_as_before():
    assert "padding_mode" not in LowRankConv2d.from_dense(nn.Conv2d(3, 4, 3), rank=1).spec()["conv"]
