"""One-shot unstructured magnitude pruning: the largest weights stay, and a bitmask says where they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labkit.compress.method import BUDGET_PARAMS, Method, register
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import BitmaskConv, BitmaskLinear, add_notes
from labkit.layers.convolution import geometry
from labkit.layers.largest import largest_mask
from labkit.untouched import leaves_untouched

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@leaves_untouched
def magnitude(model: nn.Module, *, budget: float = 0.25, layers: Layers = "all", unit: str = "parameters") -> nn.Module:
    """Keep the weights of largest magnitude over all chosen linear layers and convolutions together.

    Exactly as many as the budget allows are kept; of weights of equal magnitude the first, in the order of the layers.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    budget : float in (0, 1]
        Fraction of the weights (or of their bytes) that may remain.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool
    unit : {"parameters", "bytes"}
        What the budget counts; "bytes" counts the bitmask, one bit per entry, beside the weights.

    Returns
    -------
    nn.Module
        In eval mode, with `BitmaskLinear` and `BitmaskConv` layers. Weights that are zero already are not stored. Notes name layers
        and count outputs that keep no weight: what they say is their bias.

    Raises
    ------
    ValueError
        On a budget outside (0, 1] or too small for the bits, a filter that matches nothing, or weights that are not finite.
    """
    if not 0 < budget <= 1:
        raise ValueError(f"budget must lie in (0, 1], got {budget}; 0.25 keeps a quarter of the weights")
    if unit not in ("parameters", "bytes"):
        raise ValueError(f"unit must be 'parameters' or 'bytes', got {unit!r}")
    chosen: dict[str, Any] = select_layers(model, layers, KINDS)
    weights = {path: layer.weight.detach().flatten(1) for path, layer in chosen.items()}
    places = sum(weight.numel() for weight in weights.values())
    kept = int(budget * places + 1e-6)
    if unit == "bytes":
        size = next(iter(weights.values())).element_size()
        bits = sum(len(weight) * -(-weight.shape[1] // 8) for weight in weights.values())
        kept = int((budget * size * places - bits) / size)
    if kept < 1:
        raise ValueError(f"a budget of {budget} is less than the size of the bitmask of positions; give at least 0.04")
    masks = _masks(weights, kept)
    pruned = {path: _pruned(layer, masks[path]) for path, layer in chosen.items()}
    return add_notes(replaced(model, pruned), *_emptied(weights, masks)).eval()


def _masks(weights: dict[str, Tensor], kept: int) -> dict[str, Tensor]:
    """Which entries stay, by layer: those of largest magnitude of all."""
    flat = largest_mask(torch.cat([weight.abs().flatten() for weight in weights.values()]), kept)
    parts = flat.split([weight.numel() for weight in weights.values()])
    return {path: part.view_as(weight) for (path, weight), part in zip(weights.items(), parts, strict=True)}


def _pruned(layer: Any, mask: Tensor) -> nn.Module:
    weight = layer.weight.detach() * mask.view_as(layer.weight)
    if isinstance(layer, nn.Linear):
        return BitmaskLinear(weight, layer.bias).train(layer.training)
    return BitmaskConv(geometry(layer), weight, layer.bias).train(layer.training)


def _emptied(weights: dict[str, Tensor], masks: dict[str, Tensor]) -> list[str]:
    """Sentences about layers and outputs that had weights and keep none."""
    lost = {path: int(((weight != 0).any(1) & ~masks[path].any(1)).sum()) for path, weight in weights.items()}
    empty = [path or "the layer" for path in weights if lost[path] and not masks[path].any()]
    outputs = {path: count for path, count in lost.items() if count and masks[path].any()}
    notes = []
    if empty:
        notes.append(
            f"magnitude keeps no weight of {', '.join(empty)}, whose outputs no longer depend on the input; "
            "give a larger budget, or leave these layers out"
        )
    if outputs:
        total = sum(len(weights[path]) for path in outputs)
        notes.append(
            f"magnitude keeps no weight of {sum(outputs.values())} of the {total} outputs of {_named(outputs)}; "
            "they no longer depend on the input"
        )
    return notes


def _named(paths: dict[str, int]) -> str:
    if len(paths) == 1:
        return next(iter(paths)) or "the layer"
    return f"{len(paths)} layers, most of {max(paths, key=lambda path: paths[path])}"


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return magnitude(model, **settings)


register(
    Method(
        name="magnitude",
        title="Magnitude pruning",
        paper="Han et al., Learning both weights and connections, 2015 (one-shot); the baseline of pruning papers",
        apply=_apply,
        params=BUDGET_PARAMS,
        version=2,
        help="Keeps the largest weights, wherever they are, and sets the others to zero.",
        speed="slower than dense, most at batch 1: weights are expanded at every call",
    )
)
