"""Layers made of a dense one refuse parameters and weights of which none can be made, in one short sentence."""

import copy

import pytest
import torch
from torch import nn

from labkit.layers.manifest import LAYERS

MAKE = {
    "BitmaskLinear": "sparsity",
    "BitmaskConv": "sparsity",
    "FixedFanInLinear": "fan_in",
    "FixedFanInConv1d": "fan_in",
    "FixedFanInConv2d": "fan_in",
    "Int8Linear": "mode",
    "Int8Conv": "",
    "LowRankLinear": "rank",
    "LowRankConv1d": "rank",
    "LowRankConv2d": "rank",
}
GOOD = {"sparsity": 0.5, "fan_in": 2, "mode": "dynamic", "rank": 2}
BAD = [float("nan"), float("inf"), -1, -0.5, 10**30, "x", True, [1], {}, "y" * 100_000]


def dense(kind):
    return nn.Conv1d(8, 8, 3) if kind.endswith("1d") else nn.Conv2d(8, 8, 3) if "Conv" in kind else nn.Linear(8, 8)


@pytest.mark.parametrize("kind", [kind for kind, name in MAKE.items() if name])
def test_a_bad_parameter_is_said(kind):
    for value in BAD:
        with pytest.raises((ValueError, TypeError), match=MAKE[kind]) as caught:
            LAYERS[kind].from_dense(dense(kind), **{MAKE[kind]: value})
        assert len(str(caught.value)) < 500
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_layer_is_made_of_a_weight_that_is_not_finite(kind, value):
    layer, name = copy.deepcopy(dense(kind)), MAKE[kind]
    with torch.no_grad():
        layer.weight.view(-1)[3] = value
    with pytest.raises(ValueError, match="has NaN or infinite values"):
        LAYERS[kind].from_dense(layer, **({name: GOOD[name]} if name else {}))
