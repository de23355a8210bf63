"""SRigL as a method: from a data set and a network to a condensed network that has learned."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit import compress, data, models, sparsify
from labkit.layers import FixedFanInLinear
from labkit.training import accuracy


@pytest.fixture(scope="module")
def digits():
    """The first 6,000 training images of MNIST, and 2,000 test images."""
    whole = data.load("mnist")
    train, test = (part.subset(np.arange(count)) for part, count in ((whole.train, 6000), (whole.test, 2000)))
    return data.Dataset(name="mnist", train=train, validation=whole.validation, test=test)


@pytest.mark.slow
def test_it_gives_back_what_pruning_took(digits):
    model = models.load("mlp_mnist")
    small = compress.METHODS["srigl"](model, data=digits, sparsity=0.9, epochs=3)
    pruned = compress.condense(model, sparsity=0.9)
    assert accuracy(small, digits.test) > accuracy(pruned, digits.test) + 0.02
    assert accuracy(small, digits.test) > 0.9
    layers = [layer for layer in small.modules() if isinstance(layer, FixedFanInLinear)]
    assert layers
    assert all(layer.fan_in < 0.3 * layer.in_features for layer in layers)
    again = compress.METHODS["srigl"](model, data=digits, sparsity=0.9, epochs=3)
    assert all(torch.equal(a, b) for a, b in zip(small.state_dict().values(), again.state_dict().values(), strict=True))


@pytest.mark.slow
def test_from_scratch_it_learns(digits):
    small, callback = compress.srigl(models.load("mlp_mnist"), digits, sparsity=0.9, epochs=3, start="scratch")
    assert accuracy(small, digits.test) > 0.8
    steps = sorted({row["step"] for row in callback.history})
    assert steps[0] == 0
    assert len(steps) > 8


def test_a_network_trained_sparse_is_exported_exactly():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8 * 16, 30), nn.ReLU(), nn.Linear(30, 4))
    sparsifier = sparsify.srigl(model, sparsity=0.8, total_steps=40, update_every=4, gamma_sal=0.6, distribution="uniform")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    sparsifier.attach(optimizer)
    for step in range(30):
        x = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        sparsifier.step()
    sparsifier.detach()
    assert sparsifier.report().loc["2.weight", "active"] < 30
    small, x = compress.condense(model), torch.randn(5, 1, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(small(x), model(x), rtol=0, atol=1e-5)
    assert isinstance(small[2], FixedFanInLinear)
    assert small[2].fan_in == int(sparsifier.report().loc["2.weight", "fan_in"])
    assert torch.equal(small[2].bias, model[2].bias)  # of ablated neurons too


def test_a_layer_that_stayed_dense_beside_sparse_ones_is_not_pruned():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, 80), nn.ReLU(), nn.Linear(80, 6))
    sparsify.srigl(model, sparsity=0.9, total_steps=40, exclude=["2"]).detach()
    small, x = compress.condense(model), torch.randn(5, 100)
    assert isinstance(small[0], FixedFanInLinear)
    torch.testing.assert_close(small(x), model(x), rtol=0, atol=1e-5)


def test_what_was_trained_condensed_stays_as_it_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, 80), nn.ReLU(), nn.Linear(80, 60), nn.ReLU(), nn.Linear(60, 6))
    x = torch.randn(5, 100)
    sparsify.srigl(model, sparsity=0.9, total_steps=40, storage="condensed", exclude=["4"]).detach()
    assert torch.equal(compress.condense(model)(x), model(x))  # the dense layer beside them is not pruned
    assert compress.condense(model) is not model
    whole = nn.Sequential(nn.Linear(100, 80), nn.ReLU(), nn.Linear(80, 60))
    sparsify.srigl(whole, sparsity=0.9, total_steps=40, storage="condensed").detach()
    assert torch.equal(compress.condense(whole)(x), whole(x))  # no dense layer is left


def test_a_little_sparse_layer_stays_as_it_is():
    layer = nn.Linear(10, 4)
    with torch.no_grad():
        layer.weight[:, :3] = 0
    small = compress.condense(nn.Sequential(layer))
    assert type(small[0]) is nn.Linear
    assert small[0] is not layer
    assert torch.equal(small[0].weight, layer.weight)


def test_mistakes_are_one_sentence(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with pytest.raises(ValueError, match="start must be 'trained' or 'scratch', got 'warm'"):
        compress.srigl(model, digits, start="warm")
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        compress.srigl(model, digits, epochs=0)
    with pytest.raises(ValueError, match=r"srigl needs a data set to learn from \(data=…\), got none"):
        compress.METHODS["srigl"](model)
