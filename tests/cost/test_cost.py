"""Counts against published integers, closed forms and files on disk."""

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision import models as tv

from labkit.cost import bytes_by_kind, cost, count_nonzeros, count_parameters, latency

IMAGE = torch.zeros(1, 3, 224, 224)


def resnet50_v1():
    """The layout of Deep Roots: stride in the first 1x1 of a stage, bias in the first convolution."""
    model = tv.resnet50()
    model.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
    for stage in (model.layer2, model.layer3, model.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = stage[0].conv2.stride, stage[0].conv1.stride
    return model


def test_resnet50_by_the_papers_convention():
    c = cost(resnet50_v1(), IMAGE, "paper", seconds=0)
    assert c.parameters == 25_503_976
    assert c.macs == 3_857_974_312


def test_root_64_by_the_papers_convention():
    # Deep Roots, ResNet-50 root-64: groups 64, 32, 16, 8 in the 3x3 convolutions of the four stages
    model = resnet50_v1()
    for groups, stage in zip((64, 32, 16, 8), (model.layer1, model.layer2, model.layer3, model.layer4), strict=True):
        for block in stage:
            old = block.conv2
            block.conv2 = nn.Conv2d(old.in_channels, old.out_channels, 3, old.stride, 1, groups=groups, bias=False)
    c = cost(model, IMAGE, "paper", seconds=0)
    assert c.parameters == 15_312_808
    assert c.macs == 2_114_860_072


def test_vit_b16_of_timm():
    model = timm.create_model("vit_base_patch16_224")
    c = cost(model, IMAGE, seconds=0)
    assert c.parameters == 86_567_656
    tokens, d = 197, 768
    closed_form = 12 * (12 * tokens * d * d + 2 * tokens * tokens * d) + 196 * 768 * 768 + 768 * 1000
    assert c.macs == closed_form
    for block in model.blocks:
        block.attn.fused_attn = False  # the same operations in other operators
    assert cost(model, IMAGE, seconds=0).macs == closed_form


@pytest.mark.parametrize(
    "name", ["resnet18", "resnext50_32x4d", "mobilenet_v2", "efficientnet_b0", "swin_t", "vit_b_16", "densenet121", "convnext_tiny"]
)
def test_torchvision_publishes_the_same_counts(name):
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    c = cost(torchvision.models.get_model(name), IMAGE, seconds=0)
    assert c.parameters == meta["num_params"]
    assert c.macs / 1e9 == pytest.approx(meta["_ops"], abs=1e-3)


def test_multihead_attention_by_closed_form():
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True).eval()
    c = cost(layer, torch.zeros(2, 10, 64), seconds=0)
    assert c.macs == 2 * (10 * (4 * 64 * 64 + 2 * 64 * 128) + 2 * 10 * 10 * 64)


@pytest.mark.parametrize(("stride", "groups", "padding", "out"), [(1, 1, 1, 9), (2, 2, 1, 5), (3, 4, 0, 3), (1, 8, 2, 11)])
def test_convolution_by_closed_form(stride, groups, padding, out):
    conv = nn.Conv2d(8, 16, 3, stride, padding, groups=groups)
    c = cost(conv, torch.zeros(2, 8, 9, 9), seconds=0)
    assert c.macs == 2 * out * out * 16 * (8 // groups) * 9
    assert c.flops == 2 * c.macs


def test_shared_tensors_count_once():
    a = nn.Linear(10, 10, bias=False)
    b = nn.Linear(10, 10, bias=False)
    b.weight = a.weight
    view = nn.Linear(10, 10, bias=False)
    view.weight = nn.Parameter(a.weight.detach())  # another Parameter that shares memory
    model = nn.Sequential(a, b, view)
    assert count_parameters(model) == 100
    assert bytes_by_kind(model)["values"] == 400
    assert cost(model, torch.zeros(1, 10), seconds=0).macs == 300


def test_nonzeros_and_kinds():
    class Condensed(nn.Module):
        storage_kinds = {"scale": "other"}  # noqa: RUF012

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
            self.register_buffer("index", torch.zeros(2, 2, dtype=torch.uint16))
            self.register_buffer("mask", torch.zeros(5, dtype=torch.bool))
            self.register_buffer("derived", torch.zeros(100), persistent=False)
            self.scale = nn.Parameter(torch.ones(3, dtype=torch.float16))

    assert bytes_by_kind(Condensed()) == {"values": 16, "indices": 8, "masks": 5, "other": 6}
    assert count_nonzeros(Condensed()) == 3 + 3


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_bytes_are_those_of_the_file(tmp_path, name):
    model = timm.create_model(name)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "m.safetensors")
    size = (tmp_path / "m.safetensors").stat().st_size
    assert sum(bytes_by_kind(model).values()) == pytest.approx(size, rel=0.02)


def test_quantized_weights_count_their_codes():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = nn.Sequential(nn.Linear(64, 32))
    quantize_(model, Int8WeightOnlyConfig())
    kinds = bytes_by_kind(model)
    assert kinds["values"] == 64 * 32 + 32 * 4  # one byte per weight, four per bias
    assert 32 * 2 <= kinds["other"] <= 32 * 8  # one scale per row, possibly a zero point


class Recorder(nn.Module):
    """Reports its name on every pass, to a list that is not the network's own: its own lists are put back."""

    def __init__(self, name, order):
        super().__init__()
        self.report = lambda: order.append(name)

    def forward(self, x):
        self.report()
        return x


def test_model_and_reference_alternate_and_neither_is_always_first():
    order = []
    measured = latency(Recorder("model", order), torch.zeros(1), reference=Recorder("reference", order), seconds=0.001)
    warmup, timed = order[:2], order[2:]
    assert warmup == ["model", "reference"]
    assert len(timed) == 2 * measured.repeats
    rounds = [timed[i : i + 2] for i in range(0, len(timed), 2)]
    assert rounds == [["model", "reference"] if i % 2 == 0 else ["reference", "model"] for i in range(len(rounds))]


def test_latency_is_measured_with_the_reference():
    small, large = nn.Linear(64, 64), nn.Sequential(*[nn.Linear(512, 512) for _ in range(8)])
    wide = torch.zeros(64, 64)
    c = cost(small, wide, reference=small, seconds=0.1)
    assert c.latency.ratio_low <= c.latency.ratio <= c.latency.ratio_high
    assert c.latency.low <= c.latency.median <= c.latency.high
    assert c.latency.repeats >= 5
    assert cost(large, torch.zeros(64, 512), seconds=0.05).latency.median > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"convention": "flops"}, "'standard' or 'paper'"),
        ({"seconds": -1}, "seconds"),
        ({"example": torch.zeros(1, 5)}, r"\[1, 5\]"),
    ],
)
def test_invalid_input_raises(options, words):
    with pytest.raises(ValueError, match=words):
        cost(nn.Linear(4, 3), **{"example": torch.zeros(1, 4), **options})


def test_the_mode_of_the_model_is_restored():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout()).train()
    cost(model, torch.zeros(2, 4), seconds=0.01)
    assert model.training
