"""Multiply-accumulates (MACs) of one forward pass, counted by torch's FlopCounterMode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

import labkit.kernels  # noqa: F401 - registers torch.ops.labkit

Example = torch.Tensor | tuple | dict


def _cpu_attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _int8_product(a: torch.Size, b: torch.Size, *_: Any, **__: Any) -> int:
    return 2 * a[0] * a[1] * b[1]


def _fixed_fan_in(x: torch.Size, weight: torch.Size, *_: Any, **__: Any) -> int:
    return 2 * x[0] * weight.numel()


# FlopCounterMode has no formula for fused attention on CPUs and integer products, and would count them as zero
FORMULAS = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _cpu_attention,
    torch.ops.aten._int_mm: _int8_product,
    torch.ops.labkit.fixed_fan_in: _fixed_fan_in,
}


def call(module: nn.Module, example: Example) -> Any:
    """Call a module with an example input.

    Parameters
    ----------
    module : nn.Module
        The module.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.

    Returns
    -------
    Any
        Its output.
    """
    if isinstance(example, dict):
        return module(**example)
    return module(*example) if isinstance(example, tuple) else module(example)


def macs_by_module(module: nn.Module, example: Example) -> dict[str, int]:
    """Count the MACs of every submodule.

    Matrix products, convolutions (with groups, strides and padding as executed) and attention are counted; elementwise operations,
    normalisation and biases are not.

    Parameters
    ----------
    module : nn.Module
        The model; it runs in eval mode, and its mode is restored.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.

    Returns
    -------
    dict
        Path -> MACs of one pass over the example; ``""`` is the whole model.
    """
    counter = FlopCounterMode(display=False, custom_mapping=FORMULAS)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad(), _unfused(), counter:
            call(module, example)
    finally:
        module.train(was_training)
    counts = {name: sum(operators.values()) // 2 for name, operators in counter.get_flop_counts().items()}
    root = type(module).__name__
    named = {name.removeprefix(root).removeprefix("."): value for name, value in counts.items() if name != "Global"}
    return {**named, "": counts.get("Global", 0)}


def paper_macs(module: nn.Module, example: Example) -> int:
    """Count MACs by the convention of Deep Roots: those of convolutions and linear layers, plus one per bias.

    Parameters
    ----------
    module : nn.Module
        The model.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.

    Returns
    -------
    int
        MACs of one pass over the example.

    References
    ----------
    Ioannou et al., Deep Roots: Improving CNN Efficiency with Hierarchical Filter Groups, CVPR 2017.
    """
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, (nn.Linear, nn.modules.conv._ConvNd))}
    executed = macs_by_module(module, example)
    biases = sum(layer.bias.numel() for layer in layers.values() if layer.bias is not None)
    return sum(executed.get(name, 0) for name in layers) + biases


@contextmanager
def _unfused() -> Iterator[None]:
    """Disable nn.MultiheadAttention's fast path, an opaque operator that would count as zero."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
