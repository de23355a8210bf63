"""The bytes of a training, counted by hand."""

import pytest
import torch
from torch import nn

from labkit.sparsify import srigl
from labkit.sparsify.memory import training_bytes

WEIGHTS, BIASES = 64 * 128 + 128 * 32, 128 + 32


def trained(storage):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
    sparsifier = srigl(model, 0.9, total_steps=100, storage=storage)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    sparsifier.attach(optimizer)
    model(torch.randn(8, 64)).square().sum().backward()
    optimizer.step()
    sparsifier.step()
    return model, sparsifier, optimizer


def test_masked_storage_holds_everything_dense_and_two_masks():
    found = training_bytes(*trained("masked"))
    parameters = 4 * (WEIGHTS + BIASES)
    assert found["weights"] == found["gradients"] == parameters
    assert found["indices"] == 0
    assert found["masks"] == 2 * WEIGHTS
    assert found["moments"] == pytest.approx(2 * parameters, abs=64)  # and a step counter for each parameter


def test_condensed_storage_holds_the_connections_alone():
    model, sparsifier, optimizer = trained("condensed")
    found = training_bytes(model, sparsifier, optimizer)
    connections = sum(int(mask.sum()) for mask in sparsifier.masks.values())
    assert found["masks"] == 0
    assert found["weights"] == found["gradients"] == 4 * (connections + BIASES)
    assert found["indices"] == 2 * connections
    assert found["moments"] == pytest.approx(8 * (connections + BIASES), abs=64)
