"""Bias and activation on one SIMD vector, in LLVM: ReLU and exact GELU."""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.ir as ir
from numba import types
from numba.extending import intrinsic

from labkit.kernels.simd import KINDS, call_intrinsic, pointer_to, splat


@cache
def biased(lanes: int, activation: str) -> Any:
    """Return ``f(y, bias)``: y[0:V] = activation(y[0:V] + bias) in place, float32, for "relu" or (exact) "gelu"."""
    kind, size = KINDS["float32"]
    vector = ir.VectorType(kind, lanes)

    @intrinsic
    def apply(typing: Any, y: Any, bias: Any) -> Any:
        signature = types.void(types.int64, types.float32)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            at = pointer_to(b, arguments[0], vector)
            before = b.load(at)
            before.align = size
            value = b.fadd(before, splat(b, arguments[1], lanes))
            if activation == "relu":
                nothing = ir.Constant(vector, [0.0] * lanes)
                value = b.select(
                    b.fcmp_ordered("<", value, nothing), nothing, value
                )  # an ordered comparison is false for NaN, which therefore propagates
            else:
                value = _gelu(b, value, vector)
            b.store(value, at).align = size
            return context.get_dummy_value()

        return signature, generate

    return apply


# erf(t) = t P(t^2) / Q(t^2) for |t| <= 4, beyond which erf rounds to 1 in float32; fitted by reweighted least squares at
# Chebyshev nodes; maximum error 3.6e-7 when evaluated in float32
ERF_P = [
    1.128378987312317,
    0.19624720513820648,
    0.05346722900867462,
    0.00400356063619256,
    0.000288037903374061,
    1.974825408979086e-06,
]
ERF_Q = [1.0, 0.5072507262229919, 0.1164756789803505, 0.015444259159266949, 0.0012163359206169844, 3.7480625906027853e-05]


def _gelu(b: Any, x: Any, vector: Any) -> Any:
    """x/2 (1 + erf(x / sqrt 2))."""
    lanes = vector.count

    def all_of(number: float) -> Any:
        return ir.Constant(vector, [number] * lanes)

    def fma(left: Any, right: Any, more: Any) -> Any:
        return call_intrinsic(b, f"llvm.fma.v{lanes}f32", vector, [left, right, more])

    def polynomial(factors: list[float], at: Any) -> Any:
        total = all_of(factors[-1])
        for factor in reversed(factors[:-1]):
            total = fma(total, at, all_of(factor))
        return total

    t = b.fmul(x, all_of(0.5**0.5))
    t = b.select(b.fcmp_ordered(">", t, all_of(4.0)), all_of(4.0), t)
    t = b.select(b.fcmp_ordered("<", t, all_of(-4.0)), all_of(-4.0), t)
    square = b.fmul(t, t)
    erf = b.fdiv(b.fmul(t, polynomial(ERF_P, square)), polynomial(ERF_Q, square))
    half = b.fmul(x, all_of(0.5))
    return fma(half, erf, half)
