"""What the methods promise: amounts kept, shapes kept, input untouched."""

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from labkit import compress, models
from labkit.audit import model_sha
from labkit.compress import METHODS
from labkit.compress.methods.low_rank import ranks_for
from labkit.cost import bytes_by_kind, count_parameters
from labkit.layers import Int8Linear


def convolutional():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 20, 3, stride=2, groups=4)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(20 * 9, 10)).train()


FUNCTIONS = {
    "condense": lambda model: compress.condense(model, sparsity=0.8),
    "low_rank": lambda model: compress.low_rank(model, budget=0.3),
    "quantize": lambda model: compress.quantize(model),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_input_is_untouched_and_shapes_are_kept(name):
    model = convolutional()
    sha, rendered = model_sha(model), repr(model)
    small = FUNCTIONS[name](model)
    x = torch.randn(4, 3, 8, 8)
    assert small(x).shape == (4, 10)
    assert not small.training
    with torch.no_grad():
        for parameter in small.parameters():  # the copy shares no memory with the model
            if not hasattr(parameter, "__tensor_flatten__"):
                parameter.fill_(7)
    assert model_sha(model) == sha
    assert repr(model) == rendered
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_methods_and_functions_are_the_same(name):
    model = models.load("mlp_adult")
    options = {"condense": {"sparsity": 0.8}, "low_rank": {"budget": 0.3}, "quantize": {}}[name]
    assert model_sha(METHODS[name](model, **options)) == model_sha(FUNCTIONS[name](model))
    assert model_sha(METHODS[name](model)) == model_sha(getattr(compress, name)(model))  # defaults, too


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.97])
def test_condense_keeps_the_stated_share_of_every_row(sparsity):
    model = convolutional()
    small = compress.condense(model, sparsity=sparsity)
    for path, layer in model.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            width = layer.weight[0].numel()
            new = small.get_submodule(path)
            kept = ((new if type(new) is nn.Linear else new.to_dense()).weight.flatten(1) != 0).sum(1)
            assert set(kept.tolist()) == {max(1, round(width * (1 - sparsity)))}
            assert torch.equal(small.get_submodule(path).bias, layer.bias)


def test_condense_by_fan_in_caps_narrow_layers():
    small = compress.condense(nn.Sequential(nn.Linear(30, 5), nn.Linear(5, 4)), fan_in=8)
    assert [layer.fan_in for layer in small] == [8, 5]
    assert compress.condense(nn.Linear(30, 5)).fan_in == 3  # 0.9 when nothing is said


def test_condense_at_no_sparsity_is_the_model():
    model = models.load("mlp_mnist")
    x = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(compress.condense(model, sparsity=0)(x), model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"sparsity": 1}, {"sparsity": -1}, {"fan_in": 0}, {"fan_in": 2, "sparsity": 0.5}])
def test_impossible_amounts_are_refused(options):
    with pytest.raises(ValueError, match=r"sparsity|fan_in"):
        compress.condense(convolutional(), **options)


def linears(*shapes, dtypes=None):
    layers = [nn.Linear(d, n, bias=False) for n, d in shapes]
    return nn.ModuleList(layer.to(dtype) for layer, dtype in zip(layers, dtypes or [torch.float32] * len(layers), strict=True))


@given(n=st.integers(2, 60), d=st.integers(2, 60), percent=st.integers(1, 99))
@settings(max_examples=60, deadline=None)
def test_rank_of_one_layer_is_the_largest_within_the_budget(n, d, percent):
    fits = [r for r in range(1, min(n, d) + 1) if 100 * r * (n + d) <= percent * n * d]  # whole numbers: nothing rounds
    layers = dict(linears((n, d)).named_children())
    if fits:
        assert ranks_for(layers, percent / 100) == {"0": max(fits)}
    else:
        with pytest.raises(ValueError, match="rank 1"):
            ranks_for(layers, percent / 100)


@given(
    shapes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=2, max_size=5),
    percent=st.integers(5, 99),
    wide=st.lists(st.booleans(), min_size=5, max_size=5),
    unit=st.sampled_from(["parameters", "bytes"]),
)
@settings(max_examples=80, deadline=None)
def test_ranks_of_many_layers_fill_the_budget(shapes, percent, wide, unit):
    sizes = [8 if w and unit == "bytes" else 4 if unit == "bytes" else 1 for w in wide[: len(shapes)]]
    dtypes = [torch.float64 if w else torch.float32 for w in wide[: len(shapes)]]
    layers = dict(linears(*shapes, dtypes=dtypes).named_children())
    total = sum(s * n * d for s, (n, d) in zip(sizes, shapes, strict=True))

    def spent(ranks):  # a layer whose factors would be no smaller stays dense, and counts in full
        return sum(s * min(r * (n + d), n * d) for s, r, (n, d) in zip(sizes, ranks, shapes, strict=True))

    if 100 * spent([1] * len(shapes)) > percent * total:
        with pytest.raises(ValueError, match="rank 1"):
            ranks_for(layers, percent / 100, unit)
        return
    ranks = list(ranks_for(layers, percent / 100, unit).values())
    assert 100 * spent(ranks) <= percent * total
    # brute force over the shares: the next larger proportional assignment that costs more is too large
    for _ in range(200):
        room = [(r + 1) * (n + d) / (n * d) for r, (n, d) in zip(ranks, shapes, strict=True) if r < min(n, d)]
        if not room:
            break
        share = min(room) * (1 + 1e-9)
        more = [min(n, d, max(1, int(share * n * d / (n + d)))) for n, d in shapes]
        if spent(more) > spent(ranks):
            assert 100 * spent(more) > percent * total
            break
        ranks = more


@pytest.mark.parametrize("unit", ["parameters", "bytes"])
@pytest.mark.parametrize("budget", [0.1, 0.25, 0.6])
def test_low_rank_spends_the_budget(unit, budget):
    model = models.load("mlp_mnist")
    before, after = (
        [layer for layer in m.modules() if isinstance(layer, nn.Linear) or hasattr(layer, "rank")]
        for m in (model, compress.low_rank(model, budget=budget, unit=unit))
    )
    total = sum(layer.weight.numel() for layer in before)
    spent = sum(layer.up.numel() + layer.down.numel() for layer in after)
    one_rank = min(sum(layer.weight.shape) for layer in before)
    assert budget * total - max(sum(layer.weight.shape) for layer in before) < spent <= budget * total
    assert one_rank < budget * total


def test_bytes_differ_from_parameters_when_types_do():
    layers = dict(linears((40, 40), (40, 40), dtypes=[torch.float64, torch.float32]).named_children())
    assert ranks_for(layers, 0.5) == {"0": 10, "1": 10}
    assert ranks_for(layers, 0.5, "bytes") == {"0": 10, "1": 10}
    mixed = dict(linears((100, 100), (4, 1), dtypes=[torch.float32, torch.float64]).named_children())
    for unit, size in (("parameters", 1), ("bytes", 2)):  # the small one cannot go below rank 1, whose price differs
        spent = ranks_for(mixed, 0.1, unit)["0"] * 200 + size * 5
        assert spent <= 0.1 * (10_000 + size * 4) < spent + 200


def test_budget_of_one_changes_nothing():
    model = convolutional()
    small = compress.low_rank(model, budget=1)
    assert model_sha(small) == model_sha(model)
    assert repr(small) == repr(model)
    assert small is not model


@pytest.mark.parametrize("budget", [0, -0.5, 1.5, float("nan")])
def test_budgets_outside_are_refused(budget):
    with pytest.raises(ValueError, match=r"budget must lie in \(0, 1\], got"):
        compress.low_rank(convolutional(), budget=budget)


@pytest.mark.parametrize("shapes", [[(7, 9)], [(64, 3), (5, 64)], [(23, 31), (3, 3), (11, 2)]])
def test_a_budget_too_small_names_one_that_works(shapes):
    model = linears(*shapes)
    with pytest.raises(ValueError, match="rank 1 in every layer") as caught:
        compress.low_rank(model, budget=0.001)
    least = float(re.search(r"at least ([\d.]+)", str(caught.value)).group(1))
    small = compress.low_rank(model, budget=least)
    assert [layer.rank for layer in small] == [1] * len(shapes)
    with pytest.raises(ValueError, match="rank 1"):
        compress.low_rank(model, budget=least - 0.0002)


def test_layers_too_thin_to_factor_are_said_to_be():
    with pytest.raises(ValueError, match="smaller as they are"):
        compress.low_rank(nn.Linear(10, 1), budget=0.5)
    with pytest.raises(ValueError, match="'parameters' or 'bytes', got 'bits'"):
        compress.low_rank(nn.Linear(10, 10), unit="bits")


def test_grouped_convolutions_stay_as_they_are():
    small = compress.low_rank(convolutional(), budget=0.3)
    assert type(small[3]) is nn.Conv2d
    with pytest.raises(ValueError, match="groups=2"):
        compress.low_rank(nn.Sequential(nn.Conv2d(40, 40, 3, groups=2)), budget=0.3)


@pytest.mark.parametrize("mode", ["dynamic", "weight_only"])
def test_quantize_shrinks_linear_layers_fourfold(mode):
    model = models.load("mlp_mnist")
    small = compress.quantize(model, mode=mode)
    before, after = (sum(bytes_by_kind(m).values()) for m in (model, small))
    assert count_parameters(small) == count_parameters(model)
    assert 0.25 < after / before < 0.27  # one byte instead of four, and the scales and biases
    layers = [layer for layer in small.modules() if isinstance(layer, Int8Linear)]
    assert len(layers) == 3
    assert {layer.mode for layer in layers} == {mode}
    x = torch.rand(20, 1, 28, 28)
    torch.testing.assert_close(small(x), model(x), rtol=0.05, atol=0.3)


def test_compressing_twice():
    model = models.load("mlp_adult")
    once = compress.condense(model, sparsity=0.6, layers="fc1")
    both = compress.quantize(once)
    assert [type(both.get_submodule(name)).__name__ for name in ("fc1", "fc2", "fc3")] == [
        "FixedFanInLinear",
        "Int8Linear",
        "Int8Linear",
    ]
    with pytest.raises(ValueError, match="no layer matches"):
        compress.condense(both)
    assert copy.deepcopy(both)(torch.rand(2, 97)).shape == (2, 2)
