"""Formulas of operators that torch's FlopCounterMode does not count, in FLOPs: two for each multiply-accumulate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import sdpa_flop_count

import labkit.kernels  # noqa: F401 - registers torch.ops.labkit

aten = torch.ops.aten
Shape = torch.Size


def _raw(formula: Callable[..., int]) -> Callable[..., int]:
    """Mark a formula that is given the tensors themselves, not their shapes."""
    formula._get_raw = True  # type: ignore[attr-defined]
    return formula


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _int8_product(a: Shape, b: Shape, *_: Any, **__: Any) -> int:
    return 2 * a[0] * a[1] * b[1]


def _packed_product(a: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    """Products with weights that are packed in a form of their own."""
    return 2 * math.prod(out_shape) * a[-1]


def _fixed_fan_in(x: Shape, weight: Shape, *_: Any, **__: Any) -> int:
    return 2 * x[0] * weight.numel()


def _vectors(a: Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(a)


def _matrix_vector(matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(matrix)


def _plus_matrix_vector(_self: Shape, matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(matrix)


def _plus_outer(_self: Shape, a: Shape, b: Shape, *_: Any, **__: Any) -> int:
    return 2 * a[0] * b[0]


def _plus_product(_self: Shape, a: Shape, b: Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(a) * b[-1]


def _trilinear(a: Shape, b: Shape, c: Shape, expand1: Any, expand2: Any, expand3: Any, *_: Any, **__: Any) -> int:
    """``nn.Bilinear``: each weight is used once for every example; the smaller sum over the second input is left out.

    Torch expands the three tensors to one common shape at the given places.
    """
    sizes = [list(shape) for shape in (a, b, c)]
    for size, places in zip(sizes, (expand1, expand2, expand3), strict=True):
        for place in places:
            size.insert(place, 1)
    return 2 * math.prod(max(column) for column in zip(*sizes, strict=True))


def _distances(a: Shape, b: Shape, *_: Any, **__: Any) -> int:
    batch = torch.broadcast_shapes(a[:-2], b[:-2])
    return 2 * math.prod(batch) * a[-2] * b[-2] * a[-1]


def _own_distances(x: Shape, *_: Any, **__: Any) -> int:
    return x[0] * (x[0] - 1) * x[1]


def _recurrent_layer(x: Shape, of_input: Shape, of_state: Shape, *_: Any, **__: Any) -> int:
    """One direction of one layer on CPUs: both matrices are used at every step of every sequence."""
    return 2 * math.prod(x[:-1]) * (math.prod(of_input) + math.prod(of_state))


def _recurrent_stack(x: torch.Tensor, weights: list[torch.Tensor], *_: Any, **__: Any) -> int:
    """All layers on GPUs, from a list of weights and biases."""
    return 2 * math.prod(x.shape[:-1]) * sum(weight.numel() for weight in weights if weight.ndim == 2)


def _time_convolution(x: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return 2 * math.prod(out_shape) * weight[0] * weight[1]


def _convolution(_x: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


def _packed_linear(x: torch.Tensor, packed: Any, *_: Any, **__: Any) -> int:
    weight = packed.unpack()[0]
    return 2 * x.numel() * weight.shape[0]


def _packed_convolution(_x: torch.Tensor, packed: Any, *_: Any, out_val: torch.Tensor, **__: Any) -> int:
    weight = packed.unpack()[0]
    return 2 * out_val.numel() * math.prod(weight.shape[1:])


def _sparse_product(_self: Any, a: torch.Tensor, b: torch.Tensor, *_: Any, **__: Any) -> int:
    return 2 * a._nnz() * b.shape[-1]


def _product(a: torch.Tensor, b: torch.Tensor, *_: Any, **__: Any) -> int:
    if a.layout is not torch.strided:
        return 2 * a._nnz() * (b.shape[1] if b.ndim == 2 else 1)
    if b.layout is not torch.strided:
        return 2 * b._nnz() * a.shape[0]
    return 2 * a.numel() * (b.shape[1] if b.ndim == 2 else 1)


def _linear(x: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any) -> int:
    """Linear layers of nested tensors, which arrive whole."""
    return 2 * (x.values() if x.is_nested else x).numel() * weight.shape[0]


FORMULAS: dict[Any, Callable[..., int]] = {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_fused_attention_overrideable: _attention,
    aten._scaled_dot_product_attention_math_for_mps: _attention,
    aten._int_mm: _int8_product,
    aten._weight_int8pack_mm: _packed_product,
    aten._weight_int4pack_mm: _packed_product,
    aten._weight_int4pack_mm_for_cpu: _packed_product,
    aten._dyn_quant_matmul_4bit: _packed_product,
    aten.mkldnn_linear: _packed_product,
    aten.mkldnn_convolution: _convolution,
    aten.conv_tbc: _time_convolution,
    aten.mm: _raw(_product),
    aten.mv: _raw(_product),
    aten.linear: _raw(_linear),
    aten._sparse_addmm: _raw(_sparse_product),
    aten.dot: _vectors,
    aten.vdot: _vectors,
    aten.addmv: _plus_matrix_vector,
    aten.addmv_: _plus_matrix_vector,
    aten.addr: _plus_outer,
    aten.addr_: _plus_outer,
    aten.addbmm: _plus_product,
    aten.addbmm_: _plus_product,
    aten.addmm_: _plus_product,
    aten.baddbmm_: _plus_product,
    aten._trilinear: _trilinear,
    aten._cdist_forward: _distances,
    aten._euclidean_dist: _distances,
    aten._pdist_forward: _own_distances,
    aten.mkldnn_rnn_layer: _recurrent_layer,
    aten._cudnn_rnn: _raw(_recurrent_stack),
    aten.miopen_rnn: _raw(_recurrent_stack),
    torch.ops.labkit.fixed_fan_in: _fixed_fan_in,
}
for _name in ("linear", "linear_relu", "linear_dynamic", "linear_relu_dynamic", "linear_dynamic_fp16"):
    if hasattr(torch.ops.quantized, _name):
        FORMULAS[getattr(torch.ops.quantized, _name)] = _raw(_packed_linear)
for _name in ("conv1d", "conv1d_relu", "conv2d", "conv2d_relu", "conv3d", "conv3d_relu"):
    if hasattr(torch.ops.quantized, _name):
        FORMULAS[getattr(torch.ops.quantized, _name)] = _raw(_packed_convolution)
