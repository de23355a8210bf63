"""What sparse training leaves out, what it refuses, and that a refused network is as it was."""

import pytest
import torch
from timm.layers import Conv2dSame, StdConv2d
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from labkit import compress, sparsify
from labkit.layers import FixedFanInLinear, notes_of

STEPS = {"total_steps": 40, "update_every": 5}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2))


def frozen(net):
    net[2].requires_grad_(False)


REFUSED = {
    "frozen": (frozen, r"^layer '2' is frozen; set requires_grad_\(True\) to train it, or leave .* with exclude=\['2'\]$"),
    "parametrized": (
        lambda net: parametrizations.weight_norm(net[2]),
        "by WeightNorm; call .*remove_parametrizations first",
    ),
    "spectral": (lambda net: parametrizations.spectral_norm(net[2]), "computed by SpectralNorm; call .*remove_parametrizations"),
    "pruned": (
        lambda net: prune.l1_unstructured(net[2], "weight", 0.5),
        "call torch.nn.utils.prune.remove first",
    ),
    "weight hook": (lambda net: nn.utils.weight_norm(net[2]), "call torch.nn.utils.remove_weight_norm first"),
    "spectral hook": (lambda net: nn.utils.spectral_norm(net[2]), "call torch.nn.utils.remove_spectral_norm first"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated")
@pytest.mark.parametrize("rule", ["srigl", "rigl", "gmp"])
@pytest.mark.parametrize("why", REFUSED)
def test_refused_in_a_sentence_before_anything_is_changed(why, rule):
    net = network()
    change, words = REFUSED[why]
    change(net)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match=words):
        sparsify.make_sparse(net, rule, **STEPS, sparsity=0.8)
    after = net.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(parameter._backward_hooks for parameter in net.parameters())
    made = sparsify.make_sparse(net, rule, **STEPS, sparsity=0.8, exclude=["2"])
    made.attach(torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1))
    assert list(made.masks) == ["0.weight", "4.weight"]


def test_a_rule_that_refuses_a_later_layer_leaves_the_earlier_ones_as_they_were():
    net = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 7), nn.Linear(7, 2))  # 4 does not divide 7
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="7"):
        sparsify.n_of_m(net, 2, 4, **STEPS)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert not any(parameter._backward_hooks for parameter in net.parameters())


def test_layers_that_standardise_their_weight_are_left_out_and_named():
    torch.manual_seed(0)
    net = nn.Sequential(
        StdConv2d(3, 8, 3), nn.ReLU(), Conv2dSame(8, 8, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8)
    )
    made = sparsify.rigl(net, sparsity=0.5, **STEPS)
    assert list(made.masks) == ["2.weight", "5.weight"]  # padding by need leaves the weight alone
    assert made.notes == notes_of(net)
    assert len(made.notes) == 1
    assert made.notes[0].startswith("layer 0 stays dense: StdConv2d changes its weight before it multiplies")
    # the fact behind it: a weight of zero is no zero in the kernel of the one, and is one in that of the other
    conv = StdConv2d(1, 2, 3, bias=False)
    with torch.no_grad():
        conv.weight[:, :, 0] = 0
        seen = conv(F.pad(torch.eye(3).reshape(1, 1, 3, 3), (2, 2, 2, 2)))
    assert (seen != 0).sum() > 2 * 9


def test_a_weight_that_an_embedding_uses_is_left_out():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mix, self.head = nn.Embedding(9, 8), nn.Linear(8, 8), nn.Linear(8, 9, bias=False)
            self.head.weight = self.embed.weight

    made = sparsify.static(Words(), sparsity=0.5, **STEPS)
    assert list(made.masks) == ["mix.weight"]
    assert made.notes == ("layer head stays dense: its weight is tied to Embedding embed",)


def test_condensed_storage_keeps_weights_that_are_read_or_tied_masked():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.a, self.b, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.head(self.b(self.a(F.linear(x, self.qkv.weight))))

    net = Reads()
    made = sparsify.srigl(net, sparsity=0.5, **STEPS, storage="condensed")
    assert type(net.qkv) is nn.Linear
    assert net.a.weight is net.b.weight
    assert isinstance(net.head, FixedFanInLinear)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    made.attach(optimizer)
    for _ in range(6):
        optimizer.zero_grad()
        net(torch.randn(4, 8)).square().mean().backward()
        optimizer.step()
        made.step()
    assert float((net.qkv.weight == 0).float().mean()) >= 0.4


def test_the_method_leaves_out_what_has_no_condensed_form_and_keeps_frozen_flags(tabular):
    net = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(8, 16)), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)
    )
    net[2].requires_grad_(False)
    small, _ = compress.srigl(net, tabular, sparsity=0.75, epochs=1)
    assert isinstance(small[2], FixedFanInLinear)
    assert not any(parameter.requires_grad for parameter in small[2].parameters())
    assert small[4].weight.requires_grad
    assert any(note == "layer 0 stays dense: its weight is computed by WeightNorm" for note in notes_of(small))


@pytest.fixture
def tabular():
    x = torch.randn(128, 8, generator=torch.Generator().manual_seed(0)).numpy()
    from labkit import data

    return data.from_arrays(x, (x[:, 0] > 0).astype(int), classes=["a", "b"])
