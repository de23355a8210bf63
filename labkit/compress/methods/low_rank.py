"""Low-rank factors by truncated singular value decomposition, at a budget of parameters or bytes."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from labkit.compress.inputs import calibration_inputs, check_inputs
from labkit.compress.method import BUDGET_PARAMS, Method, register
from labkit.compress.moments import input_moments
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import LowRankConv2d, LowRankLinear


def low_rank(
    model: nn.Module,
    *,
    budget: float = 0.25,
    layers: Layers = "all",
    unit: Literal["parameters", "bytes"] = "parameters",
    calibration: Any = None,
    seed: int = 0,
) -> nn.Module:
    """Factor linear layers and ungrouped convolutions; each keeps the same fraction of its weights.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    budget : float in (0, 1]
        Fraction of the weights of the touched layers that may remain; at 1 nothing changes.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool
    unit : {"parameters", "bytes"}
        What the budget counts; they differ when layers have different dtypes.
    calibration : Tensor, dict of Tensors, or data set, optional
        Inputs of the network. The factors of linear layers then minimise the output error on these inputs (activation-aware),
        instead of the error of the weights. Of a data set 1,024 training examples are taken.
    seed : int
        Of the choice of examples from a data set.

    Returns
    -------
    nn.Module
        In eval mode, with `LowRankLinear` and `LowRankConv2d` layers.

    Raises
    ------
    ValueError
        On a budget outside (0, 1] or below what rank 1 needs, a filter that matches nothing, or weights that are not finite.
    """
    if not 0 < budget <= 1:
        raise ValueError(f"budget must lie in (0, 1], got {budget}; 0.25 keeps a quarter of the weights")
    if unit not in ("parameters", "bytes"):
        raise ValueError(f"unit must be 'parameters' or 'bytes', got {unit!r}")
    chosen = select_layers(model, layers, (nn.Linear, nn.Conv2d))
    chosen = {path: layer for path, layer in chosen.items() if getattr(layer, "groups", 1) == 1} or chosen
    if budget == 1:
        return replaced(model, {}).eval()
    ranks = ranks_for(chosen, budget, unit)
    moments = {} if calibration is None else _moments(model, chosen, calibration, seed)
    return replaced(model, {path: _factored(layer, ranks[path], moments.get(path)) for path, layer in chosen.items()}).eval()


def _moments(model: nn.Module, chosen: dict[str, nn.Module], calibration: Any, seed: int) -> dict[str, Tensor]:
    """Second moments of the inputs of each linear layer."""
    linear = [path for path, layer in chosen.items() if isinstance(layer, nn.Linear)]
    still = copy.deepcopy(model).eval()
    found = input_moments(still, linear, check_inputs(still, calibration_inputs(calibration, seed=seed)))
    return {path: _positive_definite(each.second) for path, each in found.items()}


def _positive_definite(moments: Tensor) -> Tensor:
    """Damp moments until they have a Cholesky factor; those of few examples lose their rank to rounding in float32."""
    damping = 1e-6 * float(moments.diagonal().mean())
    while torch.linalg.cholesky_ex(moments.double()).info > 0:
        damping *= 10
        moments = moments + damping * torch.eye(len(moments))
    return moments


def ranks_for(layers: dict[str, nn.Module], budget: float, unit: str = "parameters") -> dict[str, int]:
    """Return the largest ranks, proportional to each layer's size, that together stay within the budget (at least 1 each).

    Parameters
    ----------
    layers : dict of str to nn.Module
        Layers with a weight [N, ...], by path.
    budget : float in (0, 1]
    unit : {"parameters", "bytes"}

    Returns
    -------
    dict of str to int

    Raises
    ------
    ValueError
        When rank 1 everywhere already exceeds it.
    """
    shapes = {path: layer.weight.flatten(1).shape for path, layer in layers.items()}  # type: ignore[operator]
    sizes = {path: layer.weight.element_size() if unit == "bytes" else 1 for path, layer in layers.items()}  # type: ignore[operator]
    allowed = (
        budget * sum(sizes[path] * n * d for path, (n, d) in shapes.items()) + 1e-6
    )  # a product such as 0.29 * 100 rounds down

    def at(share: float) -> dict[str, int]:
        return {path: min(n, d, max(1, int(share * n * d / (n + d)))) for path, (n, d) in shapes.items()}

    def spent(ranks: dict[str, int]) -> int:
        return sum(sizes[path] * ranks[path] * sum(shapes[path]) for path in ranks)

    least = spent(at(0.0))
    if least > allowed:
        smallest = math.ceil(1e4 * budget * least / allowed) / 1e4
        remedy = f"give at least {smallest:.4f} or fewer layers" if smallest <= 1 else "layers this thin are smaller as they are"
        raise ValueError(f"budget {budget} is below what rank 1 in every layer needs; {remedy}")
    low, high = 0.0, 2.0  # at 2 every layer has its full rank
    for _ in range(50):  # above the budget, because ranks are rounded down; below, when some layers cannot go below rank 1
        middle = (low + high) / 2
        low, high = (middle, high) if spent(at(middle)) <= allowed else (low, middle)
    return at(low)


def _factored(layer: nn.Module, rank: int, moments: Tensor | None) -> nn.Module:
    if isinstance(layer, nn.Conv2d):
        return LowRankConv2d.from_dense(layer, rank=rank)
    return LowRankLinear.from_dense(layer, rank=rank, moments=moments)  # type: ignore[arg-type]


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return low_rank(model, calibration=data, seed=seed, **settings)


register(
    Method(
        name="low_rank",
        title="Low rank (truncated SVD)",
        paper="Eckart & Young 1936; the baseline of compression papers",
        apply=_apply,
        params=BUDGET_PARAMS,
        needs="optional",
    )
)
