"""Networks that a description asks for: refused in a sentence before memory is taken, where they are too large or make no sense."""

import resource
import time

import pytest
import torch
from torch import nn

from labkit import models
from labkit.layers.limits import MOST_PARAMETERS, build_within_limits
from labkit.models import rebuild
from labkit.models.catalogue import architecture

SIDE = 10**6
LINEAR = {"type": "Linear", "arguments": {"in_features": SIDE, "out_features": SIDE}}


def layer(kind, **spec):
    return {"type": kind, "spec": spec}


def stack(count, side):
    part = {"type": "Linear", "arguments": {"in_features": side, "out_features": side}}
    return {"type": "Sequential", "parts": {str(i): part for i in range(count)}}


CONV = {"in_channels": SIDE, "out_channels": SIDE, "kernel_size": [3, 3], "groups": 1}
HUGE = {
    "a layer": {"blueprint": LINEAR},
    "many layers": {"blueprint": stack(30, 20_000)},
    "more layers than are built in a minute": {
        "blueprint": {"type": "LSTM", "arguments": {"input_size": 2, "hidden_size": 2, "num_layers": 10**7}}
    },
    "a kernel": {"blueprint": {"type": "Conv2d", "arguments": {"in_channels": 1, "out_channels": 1, "kernel_size": [SIDE, SIDE]}}},
    "a bitmask": {"blueprint": layer("BitmaskLinear", in_features=SIDE, out_features=SIDE, bias=True, nonzeros=3)},
    "codes": {"blueprint": layer("Int8Linear", in_features=SIDE, out_features=SIDE, bias=True, mode="dynamic")},
    "a rank": {"blueprint": layer("LowRankLinear", in_features=10, out_features=SIDE, rank=SIDE, bias=False)},
    "a fan-in": {"blueprint": layer("FixedFanInLinear", in_features=SIDE, out_features=SIDE, fan_in=SIDE, bias=False)},
    "a compressed convolution": {"blueprint": layer("LowRankConv2d", conv=CONV, rank=SIDE, bias=False)},
    "in a manifest": {
        "origin": {"name": "mlp_mnist", "options": {}},
        "layers": {"fc1": layer("BitmaskLinear", in_features=SIDE, out_features=SIDE, bias=True, nonzeros=3)},
    },
    "a number": {"blueprint": {"type": "Linear", "arguments": {"in_features": 10**30, "out_features": 1}}},
    "of timm": {"origin": {"name": "timm:vit_tiny_patch16_224", "options": {"embed_dim": 60_000}}, "layers": {}},
    "of a table": {"origin": {"name": "small_mlp", "options": {"num_classes": 2, "in_chans": 10**9}}, "layers": {}},
}
SENSELESS = {
    "another type": {"blueprint": 5},
    "no layer of torch": {"blueprint": {"type": "init", "arguments": {}}},
    "layers within": {"blueprint": {"type": "Transformer", "arguments": {"num_encoder_layers": 10**8}}},
    "unknown arguments": {"blueprint": {"type": "Linear", "arguments": {"a": 1}}},
    "a word for a size": {"blueprint": {"type": "Linear", "arguments": {"in_features": "x", "out_features": 2}}},
    "a negative size": {"blueprint": {"type": "Linear", "arguments": {"in_features": -1, "out_features": 2}}},
    "the same as nothing": {"blueprint": {"same_as": "x"}},
    "a manifest that is a list": {"origin": {"name": "mlp_mnist", "options": {}}, "layers": [1]},
    "a path that is not there": {"origin": {"name": "mlp_mnist", "options": {}}, "layers": {"fc1": {"same_as": "x"}}},
    "a spec without its numbers": {"blueprint": layer("LowRankLinear", rank=-1)},
    "NaN": {"blueprint": layer("LowRankLinear", in_features=3, out_features=2, rank=float("nan"), bias=False)},
    "a dtype that is none": {
        "blueprint": layer("Int8Linear", in_features=2, out_features=2, bias=True, mode="dynamic", dtype="nn")
    },
    "a name that is a number": {"origin": {"name": 5, "options": {}}, "layers": {}},
    "a description that is a number": 5,
    "layers that are unknown": {"blueprint": layer("x" * 10_000)},
}


@pytest.mark.parametrize("source", [*HUGE.values(), *SENSELESS.values()], ids=[*HUGE, *SENSELESS])
def test_a_described_network_that_cannot_be_is_refused_before_memory_is_taken(source):
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ValueError, match=r".") as caught:
        rebuild(source)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB
    assert time.process_time() - began < 30


VIT, RESNET = "timm:vit_tiny_patch16_224", "timm:resnet18"
OPTIONS = [
    (VIT, {"img_size": SIDE}, "from 1 to 8,192"),
    (VIT, {"img_size": (32,)}, "from 1 to 8,192"),
    (VIT, {"img_size": True}, "integer"),
    (VIT, {"depth": 10**9}, "depth=1000000000"),
    (VIT, {"depth": -5}, "its options are img_size"),
    (VIT, {"foo": 1}, "its options are img_size, patch_size"),
    (VIT, {"num_heads": 7}, "divisible"),
    (VIT, {"drop_rate": "a"}, "a number like its default 0.0"),
    (VIT, {"drop_rate": float("nan")}, "drop_rate=nan"),
    (VIT, {"patch_size": 0}, "cannot build"),
    (RESNET, {"num_classes": "x"}, "integer from 0"),
    (RESNET, {"num_classes": -3}, "integer from 0"),
    (RESNET, {"in_chans": 0}, "integer from 1"),
    (RESNET, {"checkpoint_path": "/tmp/x"}, "weights=FILE"),
    (RESNET, {"block": "x"}, "its options are block, layers"),
    ("timm:" + "x" * 10**6, {}, "unknown timm model"),
    ("small_mlp", {"num_classes": 3.5, "in_chans": 3}, "integer from 1"),
]


@pytest.mark.parametrize(("name", "options", "words"), OPTIONS)
def test_options_of_a_network_are_refused_in_a_sentence_that_says_what_is_allowed(name, options, words):
    with pytest.raises(ValueError, match=r".") as caught:
        models.load(name, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"."):  # a stored run asks for it
        architecture({"name": name, "options": options})


def test_building_within_limits_changes_no_weight_and_no_random_state():
    def make():
        return nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 3))

    torch.manual_seed(3)
    plain, after = make(), torch.rand(1)
    torch.manual_seed(3)
    built = build_within_limits("it", make)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), built.parameters(), strict=True))
    assert torch.equal(torch.rand(1), after)


def test_what_is_built_from_several_parts_is_counted_as_a_whole():
    parts = MOST_PARAMETERS // 20_000**2 + 1
    with pytest.raises(ValueError, match="more than 2,000,000,000 parameters"):
        build_within_limits("it", lambda: nn.Sequential(*[nn.Linear(20_000, 20_000) for _ in range(parts)]))
