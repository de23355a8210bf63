"""Two fixed fan-in layers with an activation between them, as in the feed-forward block of a transformer, run as one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labkit.kernels import fixed_fan_in_mlp
from labkit.layers.fixed_fan_in import FixedFanInLinear

ACTIVATIONS: dict[str, Any] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
}


class FixedFanInMLP(nn.Module):
    """``fc2(act(fc1(x)))``; x [..., in_features] -> [..., out_features].

    In inference on a processor the hidden layer stays as the kernel has it, so that the layout of the activations changes once on
    the way in and once on the way out, and bias and activation (ReLU or exact GELU) are applied on the fly. Elsewhere, in training
    and with other activations the layers run one after the other.

    Parameters
    ----------
    fc1, fc2 : FixedFanInLinear
    activation : {"relu", "gelu", "gelu_tanh", "silu"}

    Raises
    ------
    ValueError
        When fc2 does not take what fc1 gives, or for another activation.
    TypeError
        When a layer is no FixedFanInLinear.

    Examples
    --------
    >>> first, second = nn.Linear(8, 32), nn.Linear(32, 8)
    >>> mlp = FixedFanInMLP(*(FixedFanInLinear.from_dense(layer, sparsity=0.75) for layer in (first, second)), "gelu")
    >>> mlp(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, fc1: FixedFanInLinear, fc2: FixedFanInLinear, activation: str) -> None:
        super().__init__()
        for layer in (fc1, fc2):
            if not isinstance(layer, FixedFanInLinear):
                raise TypeError(f"fc1 and fc2 must be FixedFanInLinear, got {type(layer).__name__}")
        if fc1.out_features != fc2.in_features:
            raise ValueError(f"fc2 must take the {fc1.out_features} outputs of fc1, it takes {fc2.in_features}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        self.fc1, self.act, self.fc2 = fc1, ACTIVATIONS[activation](), fc2
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.fc1, self.fc2
        y = fixed_fan_in_mlp(x, (one.weight, one.links(), one.bias), self.activation, (two.weight, two.links(), two.bias))
        return self.fc2(self.act(self.fc1(x))) if y is None else y

    def to_dense(self) -> nn.Sequential:
        """Return dense layers with the same outputs, one after the other."""
        return nn.Sequential(self.fc1.to_dense(), ACTIVATIONS[self.activation](), self.fc2.to_dense()).train(self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        return {"fc1": self.fc1.spec(), "fc2": self.fc2.spec(), "activation": self.activation}

    @classmethod
    def from_spec(cls, fc1: dict, fc2: dict, activation: str) -> FixedFanInMLP:
        """Build an empty layer of the shape that `spec` describes."""
        return cls(FixedFanInLinear.from_spec(**fc1), FixedFanInLinear.from_spec(**fc2), activation)


def activation_name(module: nn.Module) -> str | None:
    """The name under which an activation layer is known here, or None."""
    if type(module) is nn.GELU:
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    return {nn.ReLU: "relu", nn.SiLU: "silu"}.get(type(module))


def fused(module: nn.Module) -> FixedFanInMLP | None:
    """Return a FixedFanInMLP that computes what `module` does, or None where it is no such block.

    A block is known by its structure, whatever its class: its children that do anything are a fixed fan-in layer ``fc1``, an
    activation and a fixed fan-in layer ``fc2`` (the names that timm gives, so that a state dict keeps its keys). Whether its
    forward is their chain, without a residual or a scale, is tried out on random input.
    """
    parts = {name: child for name, child in module.named_children() if not _does_nothing(child)}
    if len(parts) != 3 or list(parts)[::2] != ["fc1", "fc2"]:
        return None
    fc1, act, fc2 = parts.values()
    if not (isinstance(fc1, FixedFanInLinear) and isinstance(fc2, FixedFanInLinear) and activation_name(act)):
        return None
    if fc1.out_features != fc2.in_features or module._parameters or module._buffers:
        return None
    made = FixedFanInMLP(fc1, fc2, activation_name(act) or "").train(module.training)
    return made if _same(module, made) else None


def _same(module: nn.Module, made: FixedFanInMLP) -> bool:
    weight = made.fc1.weight
    x = torch.randn(2, 3, made.fc1.in_features, generator=torch.Generator().manual_seed(0)).to(weight)
    with torch.no_grad():
        try:
            return bool(torch.allclose(module(x), made(x), rtol=1e-3, atol=1e-4 * float(weight.abs().max() + 1)))
        except (RuntimeError, ValueError, TypeError, IndexError):  # a forward that wants something else
            return False


def _does_nothing(module: nn.Module) -> bool:
    return type(module) is nn.Identity or (type(module) is nn.Dropout and module.p == 0)
