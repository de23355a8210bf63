"""One-shot magnitude pruning to a fixed fan-in: every output keeps the same number of its largest weights."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.compress.method import LAYERS, Method, register
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import CondensedWeight, FixedFanInConv1d, FixedFanInConv2d, FixedFanInLinear, replace_layer
from labkit.layers.fixed_fan_in_mlp import fused
from labkit.registry import Param
from labkit.untouched import leaves_untouched

KINDS: dict[type[nn.Module], Any] = {nn.Linear: FixedFanInLinear, nn.Conv1d: FixedFanInConv1d, nn.Conv2d: FixedFanInConv2d}


@leaves_untouched
def condense(model: nn.Module, *, sparsity: float | None = None, fan_in: int | None = None, layers: Layers = "all") -> nn.Module:
    """Condense linear layers and convolutions to a fixed fan-in ("constant fan-in" in the paper), without training.

    Biases and output width are kept (the condensed form of SRigL, arXiv 2305.02299, made a drop-in layer).

    Parameters
    ----------
    model : nn.Module
        Not modified.
    sparsity : float in [0, 1)
        Fraction of the weights of each output to drop. When neither this nor `fan_in` is given, a network with sparse layers (no
        output has all its inputs) is exported exactly, its other layers as they are; for any other network it is 0.9.
    fan_in : int, optional
        Connections kept for each output, instead of `sparsity`; layers with fewer inputs keep them all.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool

    Returns
    -------
    nn.Module
        In eval mode, with `FixedFanInLinear`, `FixedFanInConv1d` and `FixedFanInConv2d` layers, and `FixedFanInMLP` in place of
        feed-forward blocks. At a sparsity of 50 % or less linear layers are pruned but stay dense, and a warning says so.

    Raises
    ------
    ValueError
        On a sparsity outside [0, 1), a fan-in below 1, a filter that matches nothing, or weights that are not finite.

    Examples
    --------
    >>> import torch
    >>> small = condense(nn.Sequential(nn.Linear(10, 4), nn.ReLU(), nn.Linear(4, 2)), sparsity=0.7)
    >>> small[0]
    FixedFanInLinear(in_features=10, out_features=4, fan_in=3, bias=True)
    """
    if sparsity is None and fan_in is None:
        exported = _exported(model, layers)
        if exported is not None:
            return exported
        sparsity = 0.9
    chosen = select_layers(model, layers, tuple(KINDS))
    small = replaced(model, {path: _condensed(layer, sparsity, fan_in) for path, layer in chosen.items()}).eval()
    return _with_fused_mlps(small)


def _exported(model: nn.Module, layers: Layers) -> nn.Module | None:
    """The network with every sparse layer condensed as it is; None where no layer is sparse yet."""
    held = any(isinstance(module, CondensedWeight) for module in model.modules())  # trained in this form
    dense = any(isinstance(module, tuple(KINDS)) for module in model.modules())
    chosen = select_layers(model, layers, tuple(KINDS)) if dense or not held else {}
    sparse = {path: _most(layer) for path, layer in chosen.items() if _most(layer) < _width(layer)}
    if not sparse and not held:
        return None
    # layers whose condensed form would not be smaller stay dense too
    worth = {path: most for path, most in sparse.items() if 2 * most <= _width(chosen[path])}
    return _with_fused_mlps(replaced(model, {path: _condensed(chosen[path], None, most) for path, most in worth.items()}).eval())


def _width(layer: nn.Module) -> int:
    """Inputs of each output."""
    return layer.weight[0].numel()  # type: ignore[index]


def _most(layer: nn.Module) -> int:
    """Largest number of nonzeros of an output."""
    return max(1, int((layer.weight.detach().flatten(1) != 0).sum(1).max()))  # type: ignore[operator]


def _with_fused_mlps(model: nn.Module) -> nn.Module:
    """Put one layer in place of every feed-forward block whose two layers are condensed (in place)."""
    for path, module in list(model.named_modules()):
        block = fused(module)
        if block is not None and path:
            replace_layer(model, path, block)
    return model


def _condensed(layer: nn.Module, sparsity: float | None, fan_in: int | None) -> nn.Module:
    kind = next(kind for dense, kind in KINDS.items() if isinstance(layer, dense))
    if fan_in is not None and fan_in >= 1:
        fan_in = min(fan_in, _width(layer))
    return kind.from_dense(layer, sparsity=sparsity, fan_in=fan_in)


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return condense(model, **settings)


register(
    Method(
        name="condense",
        title="Fixed fan-in (condensed)",
        paper="Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024 (its condensed form, here one-shot)",
        apply=_apply,
        params={
            "sparsity": Param(0.5, 0.99, default=0.9, help="fraction of the weights of each neuron that is set to zero"),
            "layers": LAYERS,
        },
        version=2,
        help="Keeps the same number of the largest weights for every neuron, so that they are stored without the zeros.",
    )
)
