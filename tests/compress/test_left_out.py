"""Layers that cannot be replaced are found without running the network, left out and named; the others are replaced."""

import copy
import functools
import types

import pytest
import torch
from timm.layers import Conv2dSame
from timm.layers import Linear as TimmLinear
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from labkit import compress
from labkit.compress import select_layers
from labkit.layers import blueprint, copied, describe_layers, notes_of
from labkit.layers.reading import read_layers


def project(x, layer):
    return F.linear(x, layer.weight)


class Two(nn.Module):
    """Two layers of one size; subclasses use them in one way or another."""

    def __init__(self):
        super().__init__()
        self.fc, self.other = nn.Linear(8, 8), nn.Linear(8, 8)
        self.more = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])


class Direct(Two):
    def forward(self, x):
        return self.other(F.linear(x, self.fc.weight))


class Alias(Two):
    def forward(self, x):
        layer = self.fc
        return self.other(x @ layer.weight.T)


class Helper(Two):
    def forward(self, x):
        return self.other(project(x, self.fc))


class Method(Two):
    def scores(self, x):
        return x @ getattr(self.fc, "weight").T  # noqa: B009

    def forward(self, x):
        return self.other(self.scores(x))


class Inherited(Method):
    pass


class Members(Two):
    def forward(self, x):
        for layer in self.more:
            x = F.linear(x, layer.weight)
        return self.other(x)


class Class(Two):
    def forward(self, x):
        return self.other(self.fc(x) if isinstance(self.fc, nn.Linear) else x)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Harmless()

    def forward(self, x):
        return self.inner(x) + F.linear(x, self.inner.fc.weight)


class Harmless(Two):
    """Reads what every new layer offers."""

    def unused(self, x):
        return self.fc.weight

    def forward(self, x):
        x = x.to(self.fc.weight.device, self.fc.weight.dtype)
        if self.other is not None and self.fc.in_features == x.shape[-1]:
            x = self.other(self.fc(x))
        for layer in self.more:
            x = layer(x)
        return x


READ = {
    Direct: ["fc"],
    Alias: ["fc"],
    Helper: ["fc"],
    Method: ["fc"],
    Inherited: ["fc"],
    Members: ["more.0", "more.1"],
    Class: ["fc"],
    Deep: ["inner.fc"],
    Harmless: [],
}
WAYS = {
    "condense": lambda net, **o: compress.condense(net, sparsity=0.75, **o),
    "low_rank": lambda net, **o: compress.low_rank(net, budget=0.6, **o),
    "magnitude": lambda net, **o: compress.magnitude(net, budget=0.5, **o),
    "quantize": lambda net, **o: compress.quantize(net, mode="weight_only", **o),
}


@pytest.mark.parametrize("kind", READ)
def test_layers_that_are_read_past_their_forward_are_found_in_the_source(kind):
    net = kind().eval()
    assert sorted(read_layers(net)) == READ[kind]
    for way in WAYS.values():
        small = way(net)
        assert not set(READ[kind]) & set(describe_layers(small))
        assert small(torch.randn(2, 8)).shape == (2, 8)
        assert all(any(path in note for note in notes_of(small)) for path in READ[kind])


def test_a_class_without_source_is_read_by_its_names():
    space = {"Two": Two, "F": F}
    exec("class Typed(Two):\n    def forward(self, x):\n        return self.other(F.linear(x, self.fc.weight))", space)
    net = space["Typed"]().eval()
    assert "fc" in read_layers(net)
    assert "more.0" not in read_layers(net)
    with pytest.raises(ValueError, match=r"no layer is left for layers='fc': layer fc stays dense: Typed hands it to code"):
        compress.condense(net, layers="fc")


def test_a_filter_that_takes_only_what_stays_says_why():
    with pytest.raises(ValueError, match=r"^no layer is left for layers='fc': layer fc stays dense: Direct reads its weight"):
        compress.magnitude(Direct(), layers="fc")


def test_subclasses_are_taken_where_they_compute_the_same():
    class Loud(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    class Late(nn.Linear):
        """Alike now, but not once its own parameter has been trained."""

        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.more = nn.Parameter(torch.zeros(1))

        def forward(self, input):
            return super().forward(input) + self.more

    class Noisy(nn.Linear):
        def forward(self, input):
            return F.dropout(super().forward(input), 0.5, self.training)

    class Optional(nn.Linear):
        def forward(self, input, scale=1.0):
            return super().forward(input) * scale

    torch.manual_seed(0)
    net = nn.Sequential(TimmLinear(8, 8), Loud(8, 8), Late(8, 8), Noisy(8, 8), Optional(8, 8), nn.Linear(8, 8)).eval()
    small = compress.condense(net, sparsity=0.75)
    assert list(describe_layers(small)) == ["0", "5"]
    assert len(notes_of(small)) == 4
    assert "layer 1 stays dense: Loud computes something else than nn.Linear" in notes_of(small)


def test_inner_protects_the_first_and_last_that_run():
    class Backwards(nn.Module):
        """The head is registered first, and a branch that does not run last."""

        def __init__(self, auxiliary=None):
            super().__init__()
            self.head, self.body, self.stem = nn.Linear(8, 2), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)), nn.Linear(8, 8)
            self.aux = nn.Linear(2, 2) if auxiliary else None

        def features(self, x):
            return self.body(self.stem(x))

        def forward(self, x):
            x = self.head(self.features(x))
            if self.training and self.aux is not None:
                return x, self.aux(x)
            return x

    assert set(select_layers(Backwards(), "inner")) == {"body.0", "body.1"}
    # a stem that cannot be replaced is the first layer all the same
    net = nn.Sequential(Conv2dSame(3, 4, 3, stride=2), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1))
    assert set(select_layers(net, "inner", (nn.Conv2d,))) == {"1", "2"}


def test_a_stale_weight_is_computed_anew():
    """Hooks compute the weight before a call: after load_state_dict it is that of the network before."""
    torch.manual_seed(0)
    net, other = (nn.Sequential(nn.utils.weight_norm(nn.Linear(8, 8)), nn.ReLU(), nn.Linear(8, 2)) for _ in range(2))
    x = torch.randn(5, 8)
    net(x)
    net.load_state_dict(other.state_dict())
    wanted = copied(other)(x)
    stale = net[0].weight.detach().clone()
    torch.testing.assert_close(compress.condense(net, fan_in=8)(x), wanted)
    assert torch.equal(net[0].weight, stale)


def test_pruned_zeros_are_exported_exactly():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    prune.ln_structured(net[0], "weight", 0.75, n=1, dim=1)
    x = torch.randn(5, 16)
    small = compress.condense(net)
    assert small[0].fan_in == 4
    torch.testing.assert_close(small(x), net(x))
    prune.remove(net[0], "weight")
    torch.testing.assert_close(small(x), net(x))


def test_a_spectral_norm_in_training_mode_is_not_stepped():
    net = nn.Sequential(parametrizations.spectral_norm(nn.Linear(8, 8)), nn.Linear(8, 2)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for way in WAYS.values():
        way(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training


def test_a_forward_that_holds_on_to_the_original_is_refused():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
    plain = copy.deepcopy(net)
    net.forward = lambda x: net[1](2 * net[0](x))
    with pytest.raises(ValueError, match="the forward of the network was replaced on the instance, by a function that holds on to"):
        compress.condense(net)
    # a bound method and a partial follow the copy
    for patch in (types.MethodType(lambda self, x: self[1](2 * self[0](x)), plain), functools.partial(_twice, plain)):
        plain.forward = patch
        small = compress.condense(plain, sparsity=0.75)
        x = torch.randn(3, 8)
        torch.testing.assert_close(small(x), small[1](2 * small[0](x)))
        assert not torch.allclose(small(x), plain(x))


def _twice(net, x):
    return net[1](2 * net[0](x))


def test_attributes_that_were_set_on_a_layer_move_with_it():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
    net[0].scale, net[0].name = 0.5, "first"
    small = compress.magnitude(net, budget=0.5)
    assert (small[0].scale, small[0].name) == (0.5, "first")


def test_hooks_on_state_dicts_and_on_gradients_are_said():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    net[0].register_state_dict_post_hook(lambda *_: None)
    net[1].weight.register_hook(lambda gradient: 0 * gradient)
    small = compress.condense(net, sparsity=0.75)
    assert type(small[0]) is nn.Linear
    assert notes_of(small) == (
        "layer 0 stays dense: it has hooks on its state dict, which would not fit another layer",
        "hooks on the gradients of 1.weight are not copied; register them again on the compressed network",
    )


def test_a_network_that_was_never_run_says_so():
    with pytest.raises(ValueError, match=r"weights .*before (a|its) first call"):
        compress.condense(nn.Sequential(nn.LazyLinear(4)))


def test_a_larger_result_is_said():
    net = nn.Sequential(nn.Linear(2, 64), nn.Linear(64, 2))
    small = compress.condense(net, fan_in=64)
    assert any("is larger than the original" in note for note in notes_of(small))
    assert not any("larger" in note for note in notes_of(compress.condense(net, sparsity=0.9, layers="1")))


@pytest.mark.parametrize("change", ["hook", "pre-hook", "forward", "weight norm", "prune"])
def test_what_an_architecture_does_not_describe_has_no_blueprint(change):
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    assert blueprint(net) is not None
    if change == "hook":
        net[1].register_forward_hook(lambda module, inputs, output: 3 * output)
    elif change == "pre-hook":
        net.register_forward_pre_hook(lambda module, inputs: None)
    elif change == "forward":
        net[0].forward = lambda x: x
    elif change == "weight norm":
        nn.utils.weight_norm(net[0])
    else:
        prune.identity(net[2], "weight")
    assert blueprint(net) is None


def test_what_cannot_be_copied_is_one_sentence():
    net = nn.Sequential(nn.Linear(4, 4))
    net.stream = (row for row in [1])
    with pytest.raises(ValueError, match=r"^a Sequential cannot be copied: .*generator"):
        compress.condense(net, sparsity=0.75)
