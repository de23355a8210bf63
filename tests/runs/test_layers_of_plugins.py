"""A run keeps its weights only where its network can be built from them again, and says so when it is saved."""

import pytest
import torch
from torch import nn

from labkit import audit, data, layers, models, runs
from labkit.layers import manifest


class Doubled(nn.Module):
    """A layer as a plugin would bring it: other tensors than nn.Linear."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.part = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return nn.functional.linear(x, 2 * self.part, self.bias)


class Described(Doubled):
    """The same with a description."""

    def spec(self):
        return {"inputs": self.part.shape[1], "outputs": self.part.shape[0]}

    @classmethod
    def from_spec(cls, inputs, outputs):
        return cls(inputs, outputs)


def compressed(kind):
    small = models.load("mlp_adult")
    layer = kind(small.fc2.in_features, small.fc2.out_features)
    with torch.no_grad():
        layer.part.copy_(small.fc2.weight / 2)
        layer.bias.copy_(small.fc2.bias)
    small.fc2 = layer
    found = audit.audit(small, data.load("adult").test.subset(slice(0, 50)), cost=False)
    return small.eval(), found


def test_a_layer_that_cannot_be_built_is_said_at_save_time(tmp_path):
    small, found = compressed(Doubled)
    store = runs.Store(tmp_path)
    words = r"could not build layer fc2 \(Doubled\) again; give Doubled the methods spec\(\) and from_spec\(\*\*spec\) and call "
    with pytest.warns(UserWarning, match=words + r"labkit\.layers\.register_layer\(Doubled\)"):
        run = store.save(small, audit=found, config={"method": "doubling"})
    assert not run.has_weights
    assert any("could not build layer fc2 (Doubled) again" in note for note in store.audit_of(run.id).notes)


def test_a_registered_layer_is_kept(tmp_path, monkeypatch, recwarn):
    monkeypatch.setitem(manifest.LAYERS, "Described", Described)
    small, found = compressed(Described)
    store = runs.Store(tmp_path)
    run = store.save(small, audit=found, config={"method": "doubling"})
    assert run.has_weights
    assert not recwarn.list
    again, _ = store.load(run.id)
    x = torch.rand(3, small.fc1.in_features)
    assert torch.equal(again(x), small(x))
    assert layers.is_registered(again.fc2)
