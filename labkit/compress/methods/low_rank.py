"""Low-rank factors by truncated singular value decomposition, at a budget of parameters or bytes."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from labkit.compress.apart import apart
from labkit.compress.inputs import calibration_inputs, check_inputs
from labkit.compress.method import BUDGET_PARAMS, Method, register
from labkit.compress.moments import ROOM, input_moments
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import LowRankConv1d, LowRankConv2d, LowRankLinear, add_notes, copied
from labkit.layers.sentences import listed, stays_dense
from labkit.untouched import leaves_untouched

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d)


@leaves_untouched
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
        Fraction of the weights of the touched layers that may remain, biases not counted; at 1 nothing changes. All layers together
        keep at most that. A layer whose factors would be no smaller than its weight stays dense and counts in full.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool
    unit : {"parameters", "bytes"}
        What the budget counts; they differ when layers have different dtypes.
    calibration : Tensor, dict of Tensors, or data set, optional
        Inputs of the network. The factors of linear layers then minimise the output error on these inputs (activation-aware),
        instead of the error of the weights, which is minimised where no input arrives. Of a data set 1,024 training examples are
        taken.
    seed : int
        Of the choice of examples from a data set.

    Returns
    -------
    nn.Module
        In eval mode, with `LowRankLinear`, `LowRankConv1d` and `LowRankConv2d` layers; its notes name layers that stay dense.

    Raises
    ------
    ValueError
        On a budget outside (0, 1] or below what rank 1 needs, a filter that matches nothing but grouped convolutions, or weights or
        calibration inputs that are not finite.
    """
    if not 0 < budget <= 1:
        raise ValueError(f"budget must lie in (0, 1], got {budget}; 0.25 keeps a quarter of the weights")
    if unit not in ("parameters", "bytes"):
        raise ValueError(f"unit must be 'parameters' or 'bytes', got {unit!r}")
    with apart(seed):
        chosen, grouped = _ungrouped(select_layers(model, layers, KINDS))
        if budget == 1:
            return replaced(model, {}).eval()
        ranks = ranks_for(chosen, budget, unit)
        thin = [path for path, layer in chosen.items() if not _shrinks(layer, ranks[path])]
        factored = {path: layer for path, layer in chosen.items() if path not in thin}
        notes = stays_dense(
            dict.fromkeys(grouped, "a grouped convolution has no single low-rank form")
            | dict.fromkeys(thin, "factors within the budget would not be smaller than the weight")
        )
        moments: dict[str, Tensor] = {}
        if calibration is not None:
            moments, wide = _moments(model, factored, calibration, seed)
            if wide:
                notes.append(f"the factors of {listed(wide)} disregard the calibration inputs, whose moments take too much memory")
        made = {path: _factored(layer, ranks[path], moments.get(path)) for path, layer in factored.items()}
        return add_notes(replaced(model, made).eval(), *notes)


def _ungrouped(chosen: dict[str, nn.Module]) -> tuple[dict[str, nn.Module], list[str]]:
    """The layers that have a low-rank form, and the paths of the grouped convolutions among the others."""
    grouped = [path for path, layer in chosen.items() if getattr(layer, "groups", 1) != 1]
    if len(grouped) == len(chosen):
        some = ", ".join(f"{path or 'the network'} with groups={chosen[path].groups}" for path in grouped[:3])
        raise ValueError(
            f"a grouped convolution has no single low-rank form, and no other layer matches (found {some}); "
            "choose linear layers or ungrouped convolutions with layers="
        )
    return {path: layer for path, layer in chosen.items() if path not in grouped}, grouped


def _moments(model: nn.Module, chosen: dict[str, nn.Module], calibration: Any, seed: int) -> tuple[dict[str, Tensor], list[str]]:
    """Second moments of the inputs of each linear layer that inputs reach, and the layers too wide for them."""
    linear = [path for path, layer in chosen.items() if isinstance(layer, nn.Linear)]
    wide = [path for path in linear if 8 * chosen[path].in_features ** 2 > ROOM]  # type: ignore[operator]
    still = copied(model).eval()
    inputs = check_inputs(still, calibration_inputs(calibration, seed=seed))
    found = input_moments(still, [path for path in linear if path not in wide], inputs)
    return {path: _positive_definite(each.second) for path, each in found.items() if each.known}, wide


def _positive_definite(moments: Tensor) -> Tensor:
    """Damp moments until they have a Cholesky factor; those of few examples may lose their rank to rounding."""
    damping = 1e-12 * float(moments.diagonal().mean())
    while torch.linalg.cholesky_ex(moments).info > 0:
        moments = moments + damping * torch.eye(len(moments), dtype=moments.dtype)
        damping *= 10
    return moments


def _shrinks(layer: nn.Module, rank: int) -> bool:
    """Whether the factors of a layer have fewer entries than its weight."""
    n, d = layer.weight.flatten(1).shape  # type: ignore[operator]
    return rank * (n + d) < n * d


def ranks_for(layers: dict[str, nn.Module], budget: float, unit: str = "parameters") -> dict[str, int]:
    """Return the largest ranks, proportional to each layer's size, that together stay within the budget (at least 1 each).

    A layer [N, D] at rank r counts r (N + D), or N D where that is no more: it then stays dense.

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
        When rank 1 everywhere (or the dense weight, of layers too thin for factors) already exceeds it.
    """
    shapes = {path: layer.weight.flatten(1).shape for path, layer in layers.items()}  # type: ignore[operator]
    sizes = {path: layer.weight.element_size() if unit == "bytes" else 1 for path, layer in layers.items()}  # type: ignore[operator]
    allowed = (
        budget * sum(sizes[path] * n * d for path, (n, d) in shapes.items()) + 1e-6
    )  # a product such as 0.29 * 100 rounds down

    def at(share: float) -> dict[str, int]:
        return {path: min(n, d, max(1, int(share * n * d / (n + d)))) for path, (n, d) in shapes.items()}

    def spent(ranks: dict[str, int]) -> int:
        return sum(sizes[path] * min(ranks[path] * sum(shapes[path]), math.prod(shapes[path])) for path in ranks)

    least = spent(at(0.0))
    if least > allowed:
        smallest = math.ceil(1e4 * budget * least / allowed) / 1e4
        remedy = f"give at least {smallest:.4f} or fewer layers" if smallest < 1 else "layers this thin are smaller as they are"
        raise ValueError(f"budget {budget} is below what rank 1 in every layer needs; {remedy}")
    low, high = 0.0, 2.0  # at 2 every layer has its full rank
    for _ in range(50):  # above the budget, because ranks are rounded down; below, when some layers cannot go below rank 1
        middle = (low + high) / 2
        low, high = (middle, high) if spent(at(middle)) <= allowed else (low, middle)
    return at(low)


def _factored(layer: Any, rank: int, moments: Tensor | None) -> nn.Module:
    """The factors of a layer; what was frozen stays frozen."""
    made: Any
    if isinstance(layer, nn.Linear):
        made = LowRankLinear.from_dense(layer, rank=rank, moments=moments)
    else:
        made = (LowRankConv1d if isinstance(layer, nn.Conv1d) else LowRankConv2d).from_dense(layer, rank=rank)
    for factor in (made.up, made.down):
        factor.requires_grad_(layer.weight.requires_grad)
    if made.bias is not None:
        made.bias.requires_grad_(layer.bias.requires_grad)
    return made


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
        help="Replaces the matrix of each layer by the product of two thin ones, the best approximation of its rank.",
    )
)
