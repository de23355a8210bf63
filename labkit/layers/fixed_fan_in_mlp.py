"""Two fixed fan-in layers with an activation between them, as in a transformer's feed-forward block, fused into one kernel."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from labkit.kernels import fixed_fan_in_mlp
from labkit.layers.fixed_fan_in import FixedFanInLinear
from labkit.layers.hooks import customised, is_patched

ACTIVATIONS: dict[str, Any] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
}

USUAL = {"forward", "reset_parameters", "init_weights", "_init_weights", "extra_repr"}  # methods that a fused block needs not keep


class FixedFanInMLP(nn.Module):
    """``fc2(act(fc1(x)))``; x [..., in_features] -> [..., out_features].

    In inference on a CPU, hidden values keep the kernel's layout, so that inputs and outputs are each transposed once, and bias
    and activation (ReLU or exact GELU) are applied in the same pass. On other devices, in training and with other activations the
    layers run one after the other.

    Parameters
    ----------
    fc1, fc2 : FixedFanInLinear
        First and second layer.
    activation : {"relu", "gelu", "gelu_tanh", "silu"}
        Function between them.

    Raises
    ------
    ValueError
        If the outputs of fc1 do not match the inputs of fc2, or the activation is unknown.
    TypeError
        If a layer is not a FixedFanInLinear.

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
            raise ValueError(f"fc2 must have the {fc1.out_features} outputs of fc1 as inputs, it has {fc2.in_features}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        self.fc1, self.act, self.fc2 = fc1, ACTIVATIONS[activation](), fc2
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.fc1, self.fc2
        if any(part._forward_hooks or part._forward_pre_hooks for part in (one, self.act, two)):
            return two(self.act(one(x)))  # hooks on the layers are called
        y = fixed_fan_in_mlp(
            x, (one.weight, one.current_topology(), one.bias), self.activation, (two.weight, two.current_topology(), two.bias)
        )
        return self.fc2(self.act(self.fc1(x))) if y is None else y

    def to_dense(self) -> nn.Sequential:
        """Return equivalent dense layers.

        Returns
        -------
        nn.Sequential
            Linear, activation, linear.
        """
        return nn.Sequential(self.fc1.to_dense(), ACTIVATIONS[self.activation](), self.fc2.to_dense()).train(self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        return {"fc1": self.fc1.spec(), "fc2": self.fc2.spec(), "activation": self.activation}

    @classmethod
    def from_spec(cls, fc1: dict, fc2: dict, activation: str) -> FixedFanInMLP:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        fc1, fc2 : dict
            Arguments of `FixedFanInLinear.from_spec`.
        activation : str
            Name of the activation.

        Returns
        -------
        FixedFanInMLP
            To be filled by ``load_state_dict``.
        """
        return cls(FixedFanInLinear.from_spec(**fc1), FixedFanInLinear.from_spec(**fc2), activation)


def activation_name(module: nn.Module) -> str | None:
    """Return the name of an activation layer in `ACTIVATIONS`.

    Parameters
    ----------
    module : nn.Module
        A layer.

    Returns
    -------
    str or None
        None for any other layer.
    """
    if type(module) is nn.GELU:
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    return {nn.ReLU: "relu", nn.SiLU: "silu"}.get(type(module))


def fused(module: nn.Module) -> FixedFanInMLP | None:
    """Fuse a feed-forward block whose layers are condensed.

    A block is recognised by its structure: apart from identities, its children are a fixed fan-in layer ``fc1``, an activation
    and a fixed fan-in layer ``fc2`` (timm's names, so that state dict keys stay), and it has no methods, parameters, arguments or
    hooks beyond these. Random input verifies that its forward is their composition, without a residual, a scale or dropout, in eval
    and in training mode.

    Parameters
    ----------
    module : nn.Module
        A candidate.

    Returns
    -------
    FixedFanInMLP or None
        Sharing the layers of `module`; None if it is not such a block.
    """
    parts = {name: child for name, child in module.named_children() if not _is_identity(child)}
    if len(parts) != 3 or list(parts)[::2] != ["fc1", "fc2"]:
        return None
    fc1, act, fc2 = parts.values()
    if not (isinstance(fc1, FixedFanInLinear) and isinstance(fc2, FixedFanInLinear) and activation_name(act)):
        return None
    if fc1.out_features != fc2.in_features or module._parameters or module._buffers:
        return None
    if not _is_forward_alone(module) or any(customised(child) for child in module.children()):
        return None
    made = FixedFanInMLP(fc1, fc2, activation_name(act) or "").train(module.training)
    return made if _same(module, made) else None


def _is_forward_alone(module: nn.Module) -> bool:
    """Whether a block is used by calling it with one argument: no other arguments, no methods of its own, no replaced forward."""
    own = [name for kind in type(module).__mro__ if not kind.__module__.startswith(("torch.", "builtins")) for name in vars(kind)]
    methods = {name for name in own if callable(getattr(type(module), name, None)) and not name.startswith("__")}
    if methods - USUAL or is_patched(module) or isinstance(module, nn.Sequential):
        return False
    arguments = list(inspect.signature(module.forward).parameters.values())
    return len(arguments) == 1 and arguments[0].kind is not inspect.Parameter.VAR_POSITIONAL


def _same(module: nn.Module, made: FixedFanInMLP) -> bool:
    weight, was = made.fc1.weight, module.training
    shape = (2, max(3, -(-4096 // made.fc1.out_features)), made.fc1.in_features)  # so many values that dropout would show
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(weight)
    try:  # forward, not the block: hooks of the user are not to see this input
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            wanted = made.fc2(made.act(made.fc1(x)))
            near = 1e-4 * float(weight.abs().max() + 1)
            return all(torch.allclose(module.train(mode).forward(x), wanted, rtol=1e-3, atol=near) for mode in (True, False))
    except (RuntimeError, ValueError, TypeError, IndexError):  # a forward with another signature or input shape
        return False
    finally:
        module.train(was)


def _is_identity(module: nn.Module) -> bool:
    return type(module) is nn.Identity or (type(module) is nn.Dropout and module.p == 0)
