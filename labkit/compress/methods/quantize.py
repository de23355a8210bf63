"""8-bit weights through torchao."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.compress.method import LAYERS, Method, register
from labkit.compress.select import Layers, replaced, select_layers
from labkit.layers import Int8Conv, Int8Linear, add_notes
from labkit.layers.int8_codes import has_vnni
from labkit.layers.int8_weight import MODES, Mode
from labkit.registry import Choice
from labkit.untouched import leaves_untouched

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
SLOW = (
    "quantized on a processor without instructions for 8-bit products (VNNI), where 8-bit layers save bytes and no time; "
    "mode='weight_only' takes about as long there and rounds no activations"
)


@leaves_untouched
def quantize(model: nn.Module, *, mode: Mode = "dynamic", layers: Layers = "all") -> nn.Module:
    """Quantize the weights of linear layers and convolutions to int8 (torchao), one scale per output.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    mode : {"dynamic", "weight_only"}
        "dynamic" quantizes the inputs of linear layers too, row by row at run time; those of convolutions stay in floating point.
    layers : "all", "inner", "mlp", pattern, list of patterns, or callable (path, layer) -> bool

    Returns
    -------
    nn.Module
        In eval mode, with `Int8Linear` and `Int8Conv` layers, whose weights are fixed: gradients pass through to what comes before
        them. A note says where the processor gains no time by them.

    Raises
    ------
    ValueError
        On an unknown mode, a filter that matches nothing, or weights that are not finite.
    TypeError
        For weights that are not float32, bfloat16 or float16.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be 'dynamic' or 'weight_only', got {mode!r}")
    chosen = select_layers(model, layers, KINDS)
    small = replaced(model, {path: _quantized(layer, mode) for path, layer in chosen.items()}).eval()
    slow = mode == "dynamic" and next(small.buffers()).device.type == "cpu" and not has_vnni()
    return add_notes(small, SLOW) if slow else small


def _quantized(layer: Any, mode: Mode) -> nn.Module:
    return Int8Linear.from_dense(layer, mode=mode) if isinstance(layer, nn.Linear) else Int8Conv.from_dense(layer)


def _apply(model: nn.Module, *, data: Any = None, seed: int = 0, progress: Any = None, **settings: Any) -> nn.Module:
    return quantize(model, **settings)


register(
    Method(
        name="quantize",
        title="8-bit weights (torchao)",
        paper="torchao int8; Jacob et al., CVPR 2018",
        apply=_apply,
        params={
            "mode": Choice(
                ("dynamic", "weight_only"),
                "dynamic",
                help="whether inputs of linear layers are quantized too",
                titles={"dynamic": "weights and inputs", "weight_only": "weights only"},
            ),
            "layers": LAYERS,
        },
        live=False,
        help="Stores every weight in 8 bits instead of 32, with one scale for each neuron.",
        version=2,
        speed="slower than dense on processors without 8-bit instructions (VNNI), most at batch 1 with mode=dynamic",
    )
)
