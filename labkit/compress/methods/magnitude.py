"""One-shot unstructured magnitude pruning: the largest weights stay, and a bitmask says where they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labkit.compress.method import BUDGET_PARAMS, Method, register
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import BitmaskLinear


def magnitude(model: nn.Module, *, budget: float = 0.25, layers: Layers = "all", unit: str = "parameters") -> nn.Module:
    """Keep the weights of largest magnitude over all chosen linear layers together.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    budget : float in (0, 1]
        Fraction of the weights (or of their bytes) that may remain.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool
        Of the linear layers; convolutions stay.
    unit : {"parameters", "bytes"}
        What the budget counts; "bytes" counts the bitmask, one bit per entry, beside the weights.

    Returns
    -------
    nn.Module
        In eval mode, with `BitmaskLinear` layers.

    Raises
    ------
    ValueError
        On a budget outside (0, 1] or too small for the bits, a filter that matches nothing, or weights that are not finite.
    """
    if not 0 < budget <= 1:
        raise ValueError(f"budget must lie in (0, 1], got {budget}; 0.25 keeps a quarter of the weights")
    if unit not in ("parameters", "bytes"):
        raise ValueError(f"unit must be 'parameters' or 'bytes', got {unit!r}")
    chosen: dict[str, Any] = select_layers(model, layers, (nn.Linear,))
    weights = {path: layer.weight.detach() for path, layer in chosen.items()}
    places = sum(weight.numel() for weight in weights.values())
    kept = int(budget * places + 1e-6)
    if unit == "bytes":
        size = next(iter(weights.values())).element_size()
        bits = sum(len(weight) * -(-weight.shape[1] // 8) for weight in weights.values())
        kept = int((budget * size * places - bits) / size)
    if kept < 1:
        raise ValueError(f"a budget of {budget} is less than the size of the bitmask of positions; give at least 0.04")
    least = torch.cat([weight.abs().flatten() for weight in weights.values()]).topk(kept, sorted=False).values.min()
    return replaced(model, {path: _pruned(layer, weights[path], least) for path, layer in chosen.items()}).eval()


def _pruned(layer: nn.Linear, weight: Tensor, least: Tensor) -> BitmaskLinear:
    return BitmaskLinear(weight * (weight.abs() >= least), layer.bias).train(layer.training)


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return magnitude(model, **settings)


register(
    Method(
        name="magnitude",
        title="Magnitude pruning",
        paper="Han et al., Learning both weights and connections, 2015 (one-shot); the baseline of pruning papers",
        apply=_apply,
        params=BUDGET_PARAMS,
    )
)
