"""8-bit weights through torchao."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.compress.method import Method, register
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import Int8Linear
from labkit.layers.int8 import Mode
from labkit.registry import Choice


def quantize(model: nn.Module, *, mode: Mode = "dynamic", layers: Layers = "all") -> nn.Module:
    """Quantize the weights of linear layers to int8, one scale per output row (torchao); convolutions stay as they are.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    mode : {"dynamic", "weight_only"}
        "dynamic" quantizes activations too, row by row at run time.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool

    Returns
    -------
    nn.Module
        In eval mode, with `Int8Linear` layers.

    Raises
    ------
    ValueError
        On an unknown mode, a filter that matches no linear layer, or weights that are not finite.
    """
    chosen = select_layers(model, layers, (nn.Linear,))
    return replaced(model, {path: Int8Linear.from_dense(layer, mode=mode) for path, layer in chosen.items()}).eval()  # type: ignore[arg-type]


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return quantize(model, **settings)


register(
    Method(
        name="quantize",
        title="8-bit weights (torchao)",
        paper="torchao int8; Jacob et al., CVPR 2018",
        apply=_apply,
        params={
            "mode": Choice(("dynamic", "weight_only"), "dynamic", help="whether activations are quantized too"),
            "layers": Choice(("all", "inner", "mlp"), "all", help="which layers, or a pattern of their names", free=True),
        },
        live=False,
    )
)
