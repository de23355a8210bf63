"""Which layers a filter takes, and that every place of a layer is replaced."""

import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from labkit import compress
from labkit.compress import select_layers
from labkit.layers import FixedFanInConv2d, FixedFanInLinear


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=16, depth=3, num_classes=10).eval()


def changed(model):
    return [path for path, layer in model.named_modules() if isinstance(layer, (FixedFanInLinear, FixedFanInConv2d))]


def test_all_takes_every_linear_layer_and_convolution(vit):
    wanted = [path for path, layer in vit.named_modules() if type(layer) in (nn.Linear, nn.Conv2d)]
    small = compress.condense(vit)
    assert changed(small) == wanted
    assert len(wanted) == 1 + 4 * 3 + 1
    assert not [layer for layer in small.modules() if type(layer) in (nn.Linear, nn.Conv2d)]


ATTENTION, MLP = ("attn.qkv", "attn.proj"), ("mlp.fc1", "mlp.fc2")


def in_blocks(*names, blocks=range(3)):
    return [f"blocks.{i}.{name}" for i in blocks for name in names]


FILTERS = {
    "mlp": ("mlp", in_blocks(*MLP)),
    "inner": ("inner", in_blocks(*ATTENTION, *MLP)),
    "pattern": ("blocks.*.mlp.fc1", in_blocks("mlp.fc1")),
    "one name": ("head", ["head"]),
    "list": (["blocks.1.*", "head"], [*in_blocks(*ATTENTION, *MLP, blocks=[1]), "head"]),
    "callable": (
        lambda path, layer: isinstance(layer, nn.Conv2d) or layer.out_features == 3 * 192,
        ["patch_embed.proj", *in_blocks("attn.qkv")],
    ),
}


@pytest.mark.parametrize(("layers", "wanted"), FILTERS.values(), ids=FILTERS)
def test_filters(vit, layers, wanted):
    small = compress.condense(vit, layers=layers)
    assert changed(small) == wanted
    assert small(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_mlp_takes_torchs_own_transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    assert list(select_layers(nn.Sequential(layer, nn.Linear(8, 2)), "mlp")) == ["0.linear1", "0.linear2"]


@pytest.mark.parametrize("function", [compress.condense, compress.low_rank, compress.quantize])
def test_nothing_matched_names_what_there_is(function, vit):
    with pytest.raises(ValueError, match=r"no layer matches layers='decoder\.\*'; the model has .*blocks.0.attn.qkv"):
        function(vit, layers="decoder.*")
    with pytest.raises(ValueError, match="no layer matches layers='all'; the model has no Linear"):
        function(nn.Sequential(nn.ReLU()))
    with pytest.raises(TypeError, match="a list of patterns or a callable, got 5"):
        function(vit, layers=5)


@pytest.mark.parametrize("function", [compress.condense, compress.low_rank, compress.quantize])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(function, value):
    model = nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20))
    with torch.no_grad():
        model[1].weight[3, 4] = value
    with pytest.raises(ValueError, match="layer '1' has NaN or infinite weights"):
        function(model)
    function(model, layers="0")  # the other layer is fine


@pytest.mark.parametrize("function", [compress.condense, compress.low_rank, compress.quantize])
def test_multihead_attention_is_left_alone(function):
    class Attentive(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
            self.head = nn.Linear(16, 8)

        def forward(self, x):
            return self.head(self.attention(x, x, x)[0])

    torch.manual_seed(0)
    model = Attentive().eval()
    small = function(model)
    assert type(small.attention.out_proj) is type(model.attention.out_proj)
    x = torch.randn(2, 5, 16)
    with torch.no_grad():
        attended = model.attention(x, x, x)[0]
        torch.testing.assert_close(small(x), small.head(attended))
        assert not torch.equal(small(x), model(x))


def test_layers_with_a_forward_of_their_own_are_left_alone():
    # timm's TensorFlow ports pad by need: a plain convolution in their place would give another shape
    model = nn.Sequential(Conv2dSame(3, 4, 3, stride=2), nn.Conv2d(4, 4, 1)).eval()
    small = compress.condense(model, fan_in=1000)
    assert changed(small) == ["1"]
    x = torch.randn(1, 3, 9, 9)
    torch.testing.assert_close(small(x), model(x))


def test_parametrized_layers_give_their_present_weight():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(6, 3))
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(3)
    model = nn.Sequential(layer)
    x = torch.randn(2, 6)
    torch.testing.assert_close(compress.condense(model, fan_in=6)(x), model(x))


def test_a_shared_layer_is_replaced_in_both_places():
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.ReLU(), nn.Sequential(nn.Tanh(), shared)).eval()
    for function, options in ((compress.condense, {}), (compress.low_rank, {"budget": 0.9}), (compress.quantize, {})):
        small = function(model, **options)
        assert small[0] is small[2][1]
        assert type(small[0]) is not nn.Linear
    assert model[0] is model[2][1] is shared


@pytest.mark.parametrize("layers", ["x" * 10**6, ["a*"] * 20_000])
def test_patterns_of_a_megabyte_are_refused(layers):
    with pytest.raises(ValueError, match="give fewer or shorter ones") as caught:
        compress.condense(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), sparsity=0.5, layers=layers)
    assert len(str(caught.value)) < 300
