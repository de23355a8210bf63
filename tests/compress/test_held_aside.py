"""Layers that a network reaches in other ways than through its submodules, and networks whose code is read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit import compress
from labkit.layers import describe_layers, notes_of


class Held(nn.Module):
    """Two layers that the forward reaches by another reference."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(16, 64), nn.Linear(64, 4)
        self.kind = kind
        if kind == "list":
            self.held = [self.a, self.b]
        elif kind == "dict":
            self.held = {0: self.a, 1: self.b}
        elif kind == "method":
            self.held = (self.a.__call__, self.b.__call__)
        elif kind == "function":
            a, b = self.a, self.b
            self.held = (lambda x: a(x), lambda x: b(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.held[1](torch.relu(self.held[0](x)))


@pytest.mark.parametrize("kind", ["list", "dict", "method", "function"])
def test_layers_held_outside_the_submodules_stay_dense_with_a_reason(kind):
    with pytest.raises(ValueError, match="also holds it outside its submodules"):
        compress.condense(Held(kind), sparsity=0.75)


class Loops(nn.Module):
    """Loops over a part of a list of layers."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 64), nn.Linear(64, 64), nn.Linear(64, 16)])
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "slice":
            for layer in self.layers[:-1]:
                x = torch.relu(layer(x))
        elif self.kind == "enumerate":
            for _, layer in enumerate(self.layers[:-1]):
                x = torch.relu(layer(x))
        else:
            body = self.layers[:-1]
            for layer in body:
                x = torch.relu(layer(x))
        return self.layers[-1](x)


@pytest.mark.parametrize("kind", ["slice", "enumerate", "named"])
def test_a_loop_over_a_slice_of_layers_reads_no_weight(kind):
    small = compress.condense(Loops(kind), sparsity=0.75)
    assert sorted(describe_layers(small)) == ["layers.0", "layers.1", "layers.2"]
    assert notes_of(small) == ()


class Reads(nn.Module):
    """Multiplies with a weight itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.linear(x, self.a.weight))


class Overrides(Reads):
    """Its own forward calls the layer."""

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x)))


class Extends(Reads):
    """The forward of the base class runs."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


class ByName(Overrides):
    """Reads a weight by its name."""

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.linear(x, dict(self.named_parameters())["a.weight"]))


def test_only_the_forward_that_runs_is_read():
    assert sorted(describe_layers(compress.condense(Overrides(), sparsity=0.75))) == ["a", "b"]
    assert sorted(describe_layers(compress.condense(Extends(), sparsity=0.75))) == ["b"]


def test_weights_read_by_name_stay_dense():
    with pytest.raises(ValueError, match="reads weights by name"):
        compress.condense(ByName(), sparsity=0.75)


def test_a_compiled_network_is_compressed_like_the_plain_one():
    torch.manual_seed(0)
    plain, x = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4)).eval(), torch.randn(3, 16)
    small = compress.condense(torch.compile(plain, backend="eager"), sparsity=0.75)
    assert torch.allclose(small(x), compress.condense(plain, sparsity=0.75)(x))


def test_complex_and_empty_weights_stay_as_they_are():
    odd = nn.Sequential(nn.Linear(16, 64), nn.Linear(64, 4, dtype=torch.complex64))
    assert any("complex" in note for note in notes_of(compress.low_rank(odd, budget=0.5)))
    empty = nn.ModuleDict({"a": nn.Linear(0, 4), "b": nn.Linear(16, 64)})
    for method in (compress.condense, compress.quantize, compress.low_rank):
        assert any("no weights" in note for note in notes_of(method(empty)))


@pytest.mark.parametrize("method", [compress.condense, compress.magnitude, compress.quantize, compress.low_rank])
def test_a_network_without_values_is_refused_in_a_sentence(method):
    with pytest.raises(ValueError, match="device meta, without values"):
        method(nn.Sequential(nn.Linear(16, 64), nn.Linear(64, 4)).to("meta"))
