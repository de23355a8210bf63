"""Feed-forward blocks of well-known networks, and the groups that share a basis."""

import pytest
import timm
import torch
from torch import nn

from labkit.compress.mlps import MLP, find_mlps, group_mlps
from labkit.compress.select import select_layers


def network(name):
    with torch.device("meta"):
        return timm.create_model(name, pretrained=False)


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("deit_base_patch16_224", [(768, 4)] * 3),
        ("swin_tiny_patch4_window7_224", [(96, 2), (192, 2), (384, 4), (384, 2), (768, 2)]),
        ("convnext_tiny", [(96, 3), (192, 3), (384, 4), (384, 4), (384, 1), (768, 3)]),
        ("mixer_s32_224", [(49, 4), (512, 4), (49, 4), (512, 4)]),  # blocks over tokens and over channels take turns
    ],
)
def test_networks_of_timm(name, groups):
    model = network(name)
    found = group_mlps(model, find_mlps(model))
    assert [(group[0].width, len(group)) for group in found] == groups


class Encoder(nn.Module):
    """As in BERT: the block's layers are in modules of their own, beside attention."""

    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict({name: nn.Linear(32, 32) for name in ("query", "key", "value", "dense")})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(32, 128)})
        self.output = nn.ModuleDict({"dense": nn.Linear(128, 32)})


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = nn.Linear(32, 96), nn.Linear(32, 96), nn.Linear(96, 32)


class Packed(nn.Module):
    """Gate and values in one layer."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(32, 192), nn.Linear(96, 32)


def test_other_encoders():
    bert = nn.ModuleDict({"layer": nn.ModuleList([Encoder(), Encoder()])})
    assert find_mlps(bert) == [MLP((f"layer.{i}.intermediate.dense",), f"layer.{i}.output.dense", 32) for i in range(2)]
    assert find_mlps(bert)[1].name == "layer.1"
    # what works on the layers one by one takes the same ones
    assert list(select_layers(bert, "mlp")) == [path for mlp in find_mlps(bert) for path in mlp.paths]
    assert find_mlps(nn.Sequential(Gated()))[0] == MLP(("0.gate_proj", "0.up_proj"), "0.down_proj", 32)
    assert find_mlps(nn.Sequential(Packed()))[0] == MLP(("0.fc1",), "0.fc2", 32)


def test_a_group_ends_where_the_width_changes():
    model = nn.Sequential(*(nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d)) for d in (8, 8, 16, 16, 16)))
    mlps = find_mlps(model)
    assert [[mlp.name for mlp in group] for group in group_mlps(model, mlps, 2)] == [["0", "1"], ["2", "3"], ["4"]]
    assert [[mlp.name for mlp in group] for group in group_mlps(model, mlps, [[0], [4, 2]])] == [["0"], ["4", "2"]]


def test_mistakes_are_one_sentence():
    model = nn.Sequential(*(nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d)) for d in (8, 8, 16)))
    mlps = find_mlps(model)
    with pytest.raises(ValueError, match="cannot share one basis across widths 8 and 16; split it there"):
        group_mlps(model, mlps, [[1, 2]])
    with pytest.raises(ValueError, match="groups name blocks from 0 to 2, got 3"):
        group_mlps(model, mlps, [[0, 3]])
    with pytest.raises(ValueError, match="some number comes twice"):
        group_mlps(model, mlps, [[0, 1], [1]])
    with pytest.raises(ValueError, match="groups must be 'auto', a number of blocks from 1 up, or lists"):
        group_mlps(model, mlps, 0)
    for wrong in (2.0, [0, 1]):
        with pytest.raises(ValueError, match="groups must be 'auto', a number of blocks from 1 up, or lists"):
            group_mlps(model, mlps, wrong)
    with pytest.raises(ValueError, match=r"^the network has no feed-forward block .* e\.g\. vit_fashion$"):
        group_mlps(nn.Sequential(nn.Linear(8, 8)), [])
    assert find_mlps(network("resnet18")) == []
