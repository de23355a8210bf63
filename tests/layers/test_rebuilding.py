"""Blueprints and manifests are JSON, and models rebuilt from them compute the same outputs."""

import copy
import json

import pytest
import torch
from torch import nn

from labkit import compress
from labkit.layers import FixedFanInLinear, LowRankLinear, blueprint, build, describe_layers, rebuild_layers, register_layer
from labkit.layers.manifest import LAYERS, replace_layer

VECTORS = (5, 12)
IMAGES = (2, 4, 8, 8)
STACKS = {
    "perceptron": (VECTORS, [nn.Linear(12, 8), nn.LayerNorm(8), nn.GELU("tanh"), nn.Dropout(0.3), nn.Linear(8, 3, bias=False)]),
    "activations": (
        VECTORS,
        [nn.PReLU(), nn.LeakyReLU(0.3), nn.Hardtanh(-0.5, 0.7), nn.ELU(0.5), nn.Softplus(2, 10), nn.Threshold(0.1, 20), nn.CELU(2)],
    ),
    "normalisation": (
        IMAGES,
        [
            nn.BatchNorm2d(4, eps=1e-2, momentum=None),
            nn.GroupNorm(2, 4, affine=False),
            nn.InstanceNorm2d(4, affine=True),
            nn.LocalResponseNorm(2, alpha=0.1),
        ],
    ),
    "convolutions": (
        IMAGES,
        [
            nn.Conv2d(4, 6, (3, 1), stride=(1, 2), padding="valid", groups=2),
            nn.ConvTranspose2d(6, 4, 3, stride=2, output_padding=1, bias=False),
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular", dilation=2),
        ],
    ),
    "pooling": (
        IMAGES,
        [
            nn.MaxPool2d(2, stride=1, padding=1),
            nn.AvgPool2d((2, 1), ceil_mode=True),
            nn.AdaptiveAvgPool2d((3, None)),
            nn.Upsample(scale_factor=2),
            nn.ZeroPad2d((1, 2, 0, 1)),
            nn.Flatten(),
            nn.Unflatten(1, (2, -1)),
            nn.Softmax(dim=-1),
        ],
    ),
    "nothing at all": (VECTORS, [nn.Identity(54, unused=1), nn.Sequential(), nn.Sequential(nn.RMSNorm(12))]),
    "ours": (
        VECTORS,
        [
            FixedFanInLinear.from_dense(nn.Linear(12, 8), fan_in=3),
            nn.ReLU(),
            LowRankLinear.from_dense(nn.Linear(8, 6, bias=False), rank=2),
        ],
    ),
}
BRACKETS = str.maketrans("[]", "()")  # JSON makes lists of tuples


def through_json(plan):
    return json.loads(json.dumps(plan))


@pytest.mark.parametrize("name", STACKS)
def test_a_sequential_model_is_rebuilt(name):
    shape, layers = STACKS[name]
    torch.manual_seed(0)
    model, x = nn.Sequential(*layers), torch.randn(shape)
    model(x)  # running statistics
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    again = build(through_json(blueprint(model)))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(x), model.eval()(x))
    assert repr(again).translate(BRACKETS) == repr(model).translate(BRACKETS)


def test_a_shared_module_stays_shared():
    layer, relu = nn.Linear(4, 4), nn.ReLU()
    model = nn.Sequential(layer, relu, nn.Sequential(layer, relu, layer, relu), nn.Linear(4, 2))
    again = build(through_json(blueprint(model)))
    assert again[0] is again[2][0] is again[2][2]
    assert repr(again) == repr(model)
    again.load_state_dict(model.state_dict())
    x = torch.randn(3, 4)
    assert torch.equal(again(x), model(x))


def test_single_layer():
    layer = nn.Linear(3, 2)
    assert repr(build(through_json(blueprint(layer)))) == repr(layer)


def test_unknown_classes_have_no_blueprint():
    class Own(nn.Module):
        pass

    class Linear(nn.Linear):  # same name as torch's, not the same class
        pass

    for module in (Own(), Linear(2, 2), nn.LSTM(2, 2), nn.TransformerEncoderLayer(4, 1)):
        assert blueprint(module) is None
        assert blueprint(nn.Sequential(nn.ReLU(), module)) is None


class Net(nn.Module):
    """A user-defined class with one layer in two places."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.block = nn.ModuleDict({"same": self.first, "conv": nn.Conv2d(1, 2, 3, padding=1)})
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        x = self.block["same"](self.first(x).relu())
        return self.last(self.block["conv"](x[:, None, None])[:, 0, 0])


@pytest.mark.parametrize(
    "method",
    [
        lambda m: compress.condense(m, sparsity=0.6),
        lambda m: compress.low_rank(m, budget=0.75),
        compress.quantize,
        lambda m: compress.quantize(m, mode="weight_only"),
    ],
)
def test_a_user_defined_class_is_rebuilt_by_manifest(method):
    torch.manual_seed(0)
    base = Net().eval()
    small = method(base)
    manifest = through_json(describe_layers(small))
    assert manifest["block.same"] == {"same_as": "first"}
    again = rebuild_layers(copy.deepcopy(base), manifest)
    assert again.first is again.block["same"]
    again.load_state_dict(small.state_dict())
    x = torch.randn(5, 6)
    with torch.no_grad():
        assert torch.equal(again(x), small(x))


def test_a_model_that_is_a_single_layer():
    layer = FixedFanInLinear.from_dense(nn.Linear(6, 2), fan_in=2)
    again = rebuild_layers(nn.Linear(6, 2), through_json(describe_layers(layer)))
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(torch.ones(1, 6)), layer(torch.ones(1, 6)))


@pytest.mark.parametrize("kind", ["condense", "low_rank", "quantize"])
def test_torchs_transformer_uses_the_new_layers(kind):
    # in inference torch takes a fused path that reads linear1.weight without calling forward
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    dense = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    options = {"condense": {"sparsity": 0.75}, "low_rank": {"budget": 0.5}, "quantize": {"mode": "weight_only"}}[kind]
    small = getattr(compress, kind)(dense, layers="mlp", **options)
    changed = describe_layers(small)
    assert list(changed) == [f"layers.{i}.linear{j}" for i in (0, 1) for j in (1, 2)]
    reference = copy.deepcopy(dense)
    for path in changed:
        replace_layer(reference, path, small.get_submodule(path).to_dense())
    x = torch.randn(2, 5, 16)
    with torch.no_grad():
        torch.testing.assert_close(small(x), reference(x), rtol=1e-5, atol=1e-6)
        assert not torch.allclose(small(x), dense(x), atol=1e-3)
        again = rebuild_layers(copy.deepcopy(dense), through_json(changed)).eval()
        again.load_state_dict(small.state_dict())
        assert torch.equal(again(x), small(x))


def test_a_registered_layer_is_rebuilt():
    @register_layer
    class Scaled(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.scale = nn.Parameter(torch.full((size,), 3.0))

        def forward(self, x):
            return x * self.scale

        def spec(self):
            return {"size": len(self.scale)}

        @classmethod
        def from_spec(cls, size):
            return cls(size)

    model = nn.Sequential(nn.ReLU(), Scaled(4))
    plan = through_json(blueprint(model))
    assert build(plan)(torch.ones(4)).tolist() == [3, 3, 3, 3]
    manifest = through_json(describe_layers(model))
    del LAYERS["Scaled"]
    with pytest.raises(ValueError, match=r"unknown layer type 'Scaled'.*plugin loaded first"):
        build(plan)
    with pytest.raises(ValueError, match=r"unknown layer type 'Scaled'.*plugin loaded first"):
        rebuild_layers(nn.Sequential(nn.ReLU(), nn.ReLU()), manifest)


def test_invalid_input_raises():
    with pytest.raises(TypeError, match="ReLU has no method spec"):
        register_layer(nn.ReLU)
    with pytest.raises(ValueError, match=r"no layer '4.fc'; it is another architecture"):
        rebuild_layers(
            nn.Sequential(nn.ReLU()),
            {"4.fc": {"type": "LowRankLinear", "spec": LowRankLinear.from_dense(nn.Linear(2, 2), rank=1).spec()}},
        )
