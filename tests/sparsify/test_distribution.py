"""Layer-wise densities: published figures of ResNet-50, and what defines each distribution."""

from math import prod

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from labkit.sparsify import densities, erdos_renyi, erk, nonzeros, uniform

SIZE = st.integers(1, 200)
KERNEL = st.sampled_from([1, 3, 7])
SHAPES = st.lists(st.one_of(st.tuples(SIZE, SIZE), st.tuples(SIZE, SIZE, KERNEL, KERNEL)), min_size=1, max_size=8)


def resnet50():
    model = timm.create_model("resnet50", pretrained=False)
    return model, {name: tuple(m.weight.shape) for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}


def macs_of(model):
    """Multiply-accumulates of each layer on one image of 224 x 224, counted from its output."""
    found = {}

    def count(name):
        def hook(layer, inputs, output):
            places = prod(output.shape[2:]) if output.ndim == 4 else 1
            found[name] = layer.weight.numel() * places

        return hook

    for name, layer in model.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count(name))
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 224, 224))
    return found


@pytest.mark.slow
def test_resnet50_has_the_published_cost():
    """Relative FLOPs by ERK of the paper's table (google-research/rigl's are .42, .24 and .12).

    Their total also counts what is not a product, 0.1 % of it, which stays as it is at every sparsity.
    """
    model, shapes = resnet50()
    macs, total = macs_of(model), 8.189e9
    other = total - 2 * sum(macs.values())
    assert 0 < other < 0.002 * total
    for sparsity, published in ((0.8, 0.4146), (0.9, 0.2429), (0.9375, 0.1532), (0.95, 0.1229), (0.99, 0.0257)):
        density = erk(shapes, sparsity)
        relative = (2 * sum(macs[name] * density[name] for name in macs) + other) / total
        assert relative == pytest.approx(published, abs=0.0003)


@pytest.mark.parametrize(("sparsity", "published"), [(0.8, 5_113_920), (0.9, 2_571_656), (0.95, 1_289_784), (0.99, 274_072)])
def test_resnet50_has_the_published_number_of_weights(sparsity, published):
    """To the last one: a fixed fan-in rounds down to whole rows; the scales of normalisation and the last bias count too."""
    model, shapes = resnet50()
    counts = nonzeros(shapes, erk(shapes, sparsity))
    kept = sum(counts[name] // shape[0] * shape[0] for name, shape in shapes.items())
    scales = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert kept + scales + model.fc.bias.numel() == published


@given(shapes=SHAPES, sparsity=st.floats(0, 0.98), distribution=st.sampled_from(["uniform", "erdos_renyi", "erk"]))
def test_the_whole_has_the_sparsity_asked_for(shapes, sparsity, distribution):
    named = {str(i): shape for i, shape in enumerate(shapes)}
    density = densities(named, sparsity, distribution)
    total = sum(prod(shape) for shape in shapes)
    assert all(0 < value <= 1 for value in density.values())
    assert sum(density[name] * prod(shape) for name, shape in named.items()) == pytest.approx((1 - sparsity) * total, rel=1e-9)
    exact = round((1 - sparsity) * total)
    counts = nonzeros(named, density, exact)
    assert abs(sum(counts.values()) - exact) <= 1
    assert all(0 <= counts[name] <= prod(shape) for name, shape in named.items())


def test_densities_are_in_proportion_to_the_shapes():
    """Of google-research/rigl's tests: (1 - S1) / f1 == (1 - S2) / f2 for layers that are not full."""
    shapes = {"conv": (64, 32, 3, 3), "wide": (500, 400), "head": (100, 300)}
    ways = [(erk, lambda s: sum(s) / prod(s)), (erdos_renyi, lambda s: (s[0] + s[1]) / (s[0] * s[1]))]
    for way, share in ways:
        found = way(shapes, 0.9)
        parts = [found[name] / share(shape) for name, shape in shapes.items() if found[name] < 1]
        assert parts == pytest.approx([parts[0]] * len(parts))


def test_dense_layers_count():
    shapes = {"stem": (10, 10), "body": (100, 100)}
    density = uniform(shapes, 0.9, dense=["stem"])
    assert density["stem"] == 1
    assert density["body"] == pytest.approx((1010 - 100) / 10_000)  # S = 1 - (N D - N_dense) / N_sparse


def test_mistakes_are_one_sentence():
    with pytest.raises(ValueError, match=r"sparsity must lie in \[0, 1\), got 1"):
        erk({"a": (2, 2)}, 1)
    with pytest.raises(ValueError, match="dense layers hold 100 weights, more than the 11"):
        uniform({"a": (10, 10), "b": (1, 10)}, 0.9, dense=["a"])
    with pytest.raises(ValueError, match="unknown distribution 'erkk'; did you mean 'erk'"):
        densities({"a": (2, 2)}, 0.5, "erkk")
    with pytest.raises(ValueError, match="unknown layer 'c'"):
        uniform({"a": (2, 2)}, 0.5, dense=["c"])
