"""Vector arithmetic and atomics for numba, written in LLVM's own language: one source for AVX2, AVX-512 and Arm, no C++ compiler.

A numba loop over a small local array spills its accumulators to memory. Here the accumulator of `row` is one LLVM vector of V
lanes, which LLVM keeps in registers (for V = 64: 8 of AVX2's, 4 of AVX-512's, 16 of Neon's), so that a link costs V/width
multiply-adds and nothing else. The batch runs along the lanes: x is feature-major, and a gathered index reads V neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.ir as ir
from numba import types
from numba.extending import intrinsic

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
KINDS: dict[str, tuple[Any, int]] = {"float32": (ir.FloatType(), 4), "float64": (ir.DoubleType(), 8)}
SUMS = 64  # float32 numbers that are being summed at any time
INDEX: dict[str, tuple[Any, int]] = {"uint16": (ir.IntType(16), 2), "int32": (I32, 4)}


def _pointer(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    kind = ir.VectorType(scalar.type, lanes)
    start = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(start, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def _intrinsic(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    module = builder.module
    found = module.globals.get(name) or ir.Function(module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return builder.call(found, arguments)


@cache
def row(lanes: int, index: str) -> Any:
    """Return ``f(x, w, i, count, y, fresh, like)``, addresses int64: y[0:V] (+)= sum_k w[k] * x[i[k], 0:V], of the type of `like`.

    `fresh` 1 starts from zero, 0 adds to what y holds. A multiply-add takes several cycles but two new ones can start in each, so
    narrow vectors go through several sums at a time.
    """
    index_kind, index_size = INDEX[index]

    @intrinsic
    def accumulate(typing: Any, x: Any, w: Any, i: Any, count: Any, y: Any, fresh: Any, like: Any) -> Any:
        signature = types.void(types.int64, types.int64, types.int64, types.int64, types.int64, types.int64, like)
        kind, size = KINDS[like.name]
        vector = ir.VectorType(kind, lanes)
        sums = max(1, SUMS * 4 // (size * lanes))

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            x, w, i, count, y, fresh, _ = arguments

            def link(k: Any, total: Any) -> Any:
                column = b.zext(b.load(_pointer(b, b.add(i, b.mul(k, _whole(index_size))), index_kind)), I64)
                lane = b.load(_pointer(b, b.add(x, b.mul(column, _whole(size * lanes))), vector))
                lane.align = size
                weight = b.load(_pointer(b, b.add(w, b.mul(k, _whole(size))), kind))
                return _intrinsic(b, f"llvm.fma.v{lanes}f{8 * size}", vector, [_splat(b, weight, lanes), lane, total])

            out = _pointer(b, y, vector)
            reload, ready = b.append_basic_block("reload"), b.append_basic_block("ready")
            entry = b.block
            b.cbranch(b.icmp_signed("!=", fresh, _whole(0)), ready, reload)
            b.position_at_end(reload)
            before = b.load(out)
            before.align = size
            b.branch(ready)
            b.position_at_end(ready)
            start = b.phi(vector)
            zero = ir.Constant(vector, [0.0] * lanes)
            start.add_incoming(zero, entry)
            start.add_incoming(before, reload)
            k, totals = _whole(0), [start] + [zero] * (sums - 1)
            if sums > 1:
                k, totals = _loop(b, count, k, totals, sums, lambda k, t: [link(b.add(k, _whole(s)), t[s]) for s in range(sums)])
            _, totals = _loop(b, count, k, totals, 1, lambda k, t: [link(k, t[0]), *t[1:]])
            while len(totals) > 1:
                totals = [b.fadd(left, right) for left, right in zip(totals[::2], totals[1::2], strict=True)]
            b.store(totals[0], out).align = size
            return context.get_dummy_value()

        return signature, generate

    return accumulate


@cache
def transpose(with_bias: bool) -> Any:
    """Return ``f(source, source_stride, target, target_stride, bias, like)``: eight rows of eight numbers become columns.

    Addresses and strides (in bytes) int64; row j of the target is column j of the source, plus bias[0:8] where there is one.
    """

    @intrinsic
    def turned(typing: Any, source: Any, source_stride: Any, target: Any, target_stride: Any, bias: Any, like: Any) -> Any:
        signature = types.void(types.int64, types.int64, types.int64, types.int64, types.int64, like)
        kind, size = KINDS[like.name]
        vector = ir.VectorType(kind, 8)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            source, source_stride, target, target_stride, bias, _ = arguments

            def read(address: Any) -> Any:
                value = b.load(_pointer(b, address, vector))
                value.align = size
                return value

            rows = [read(b.add(source, b.mul(source_stride, _whole(row)))) for row in range(8)]
            for apart in (1, 2, 4):  # numbers that are `apart` off the diagonal change places
                rows = _exchanged(b, rows, apart)
            if with_bias:
                more = read(bias)
                rows = [b.fadd(row, more) for row in rows]
            for place, row in enumerate(rows):
                b.store(row, _pointer(b, b.add(target, b.mul(target_stride, _whole(place))), vector)).align = size
            return context.get_dummy_value()

        return signature, generate

    return turned


def _exchanged(b: Any, rows: list[Any], apart: int) -> list[Any]:
    """One stage of a transposition: of two rows `apart` from each other, each takes the numbers that belong to its block."""
    after = list(rows)
    for low in range(8):
        if low & apart:
            continue
        high = low + apart
        # numbers 0 … 7 are those of the lower row, 8 … 15 those of the higher
        to_low = [i if not i & apart else 8 + i - apart for i in range(8)]
        to_high = [8 + i if i & apart else i + apart for i in range(8)]
        for place, taken in ((low, to_low), (high, to_high)):
            after[place] = b.shuffle_vector(rows[low], rows[high], ir.Constant(ir.VectorType(I32, 8), taken))
    return after


@cache
def biased(lanes: int, activation: str) -> Any:
    """Return ``f(y, bias)``: y[0:V] = activation(y[0:V] + bias) for "relu" or "gelu" (the exact one), float32, in place."""
    kind, size = KINDS["float32"]
    vector = ir.VectorType(kind, lanes)

    @intrinsic
    def apply(typing: Any, y: Any, bias: Any) -> Any:
        signature = types.void(types.int64, types.float32)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            at = _pointer(b, arguments[0], vector)
            before = b.load(at)
            before.align = size
            value = b.fadd(before, _splat(b, arguments[1], lanes))
            if activation == "relu":
                nothing = ir.Constant(vector, [0.0] * lanes)
                value = b.select(b.fcmp_ordered("<", value, nothing), nothing, value)  # NaN is not below zero and stays
            else:
                value = _gelu(b, value, vector)
            b.store(value, at).align = size
            return context.get_dummy_value()

        return signature, generate

    return apply


# erf(t) = t P(t^2) / Q(t^2) for |t| <= 4, beyond which float32 has no other number than 1: fitted by reweighted least squares at
# Chebyshev nodes; off by at most 3.6e-7 when it is evaluated in float32
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
        return _intrinsic(b, f"llvm.fma.v{lanes}f32", vector, [left, right, more])

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


@cache
def gather_dot(index: str) -> Any:
    """Return ``f(x, w, i, count, like) -> like``, addresses int64: sum_k w[k] * x[i[k]].

    Inputs are read one by one into a vector, weights and indices several at a time (the first in the lowest bits: little-endian
    machines, as all are that torch has wheels for): a third faster than number by number, and than the processors' own gather.
    """
    index_kind, index_size = INDEX[index]

    @intrinsic
    def product(typing: Any, x: Any, w: Any, i: Any, count: Any, like: Any) -> Any:
        signature = like(types.int64, types.int64, types.int64, types.int64, like)
        kind, size = KINDS[like.name]
        lanes = 32 // size
        vector = ir.VectorType(kind, lanes)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            x, w, i, count, _ = arguments

            def value(column: Any) -> Any:
                return b.load(_pointer(b, b.add(x, b.mul(column, _whole(size))), kind))

            def columns(k: Any) -> list[Any]:  # as many as 8 bytes hold, with one load
                found = []
                for start in range(0, lanes, 8 // index_size):
                    at = b.add(i, b.mul(b.add(k, _whole(start)), _whole(index_size)))
                    several = b.load(_pointer(b, at, I64))
                    several.align = index_size
                    mask = _whole(2 ** (8 * index_size) - 1)
                    found += [b.and_(b.lshr(several, _whole(bit)), mask) for bit in range(0, 64, 8 * index_size)]
                return found

            def links(k: Any, total: Any, mask: Any = None) -> Any:
                values = ir.Constant(vector, ir.Undefined)
                for lane, column in enumerate(columns(k)):
                    values = b.insert_element(values, value(column), ir.Constant(I32, lane))
                weights = b.load(_pointer(b, b.add(w, b.mul(k, _whole(size))), vector))
                weights.align = size
                if mask is not None:
                    nothing = ir.Constant(vector, [0.0] * lanes)
                    values, weights = b.select(mask, values, nothing), b.select(mask, weights, nothing)
                return _intrinsic(b, f"llvm.fma.v{lanes}f{8 * size}", vector, [weights, values, total])

            def link(k: Any, total: Any) -> Any:
                weight = b.load(_pointer(b, b.add(w, b.mul(k, _whole(size))), kind))
                column = b.zext(b.load(_pointer(b, b.add(i, b.mul(k, _whole(index_size))), index_kind)), I64)
                return _intrinsic(b, f"llvm.fma.f{8 * size}", kind, [weight, value(column), total])

            many, few, end = (b.append_basic_block(name) for name in ("many", "few", "end"))
            b.cbranch(b.icmp_signed(">=", count, _whole(lanes)), many, few)
            b.position_at_end(many)  # the last links are read together with some that are done already, which are masked
            k, totals = _loop(b, count, _whole(0), [ir.Constant(vector, [0.0] * lanes)], lanes, lambda k, t: [links(k, t[0])])
            done = _splat(b, b.trunc(b.sub(_whole(lanes), b.sub(count, k)), I32), lanes)
            left = b.icmp_signed(">=", ir.Constant(ir.VectorType(I32, lanes), list(range(lanes))), done)
            of_many = _sum(b, links(b.sub(count, _whole(lanes)), totals[0], left), lanes)
            after_many = b.block
            b.branch(end)
            b.position_at_end(few)
            _, totals = _loop(b, count, _whole(0), [ir.Constant(kind, 0.0)], 1, lambda k, t: [link(k, t[0])])
            after_few = b.block
            b.branch(end)
            b.position_at_end(end)
            total = b.phi(kind)
            total.add_incoming(of_many, after_many)
            total.add_incoming(totals[0], after_few)
            return total

        return signature, generate

    return product


def _sum(b: Any, total: Any, lanes: int) -> Any:
    """The sum of a vector's lanes: halves are added, so that log2(lanes) additions do."""
    nothing = ir.Constant(total.type, ir.Undefined)
    while lanes > 1:
        lanes //= 2
        both = [ir.Constant(ir.VectorType(I32, lanes), list(range(start, start + lanes))) for start in (0, lanes)]
        total = b.fadd(*(b.shuffle_vector(total, nothing, half) for half in both))
        nothing = ir.Constant(total.type, ir.Undefined)
    return b.extract_element(total, ir.Constant(I32, 0))


def _whole(number: int) -> Any:
    return ir.Constant(I64, number)


def _loop(
    b: Any, count: Any, k: Any, totals: list[Any], step: int, body: Callable[[Any, list[Any]], list[Any]]
) -> tuple[Any, list[Any]]:
    """Run `body` for k, k + step, … as long as k + step <= count; return where k and the sums stand after it."""
    before = b.block
    head, inside, after = (b.append_basic_block(name) for name in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    at = b.phi(I64)
    at.add_incoming(k, before)
    held = []
    for total in totals:
        held.append(b.phi(total.type))
        held[-1].add_incoming(total, before)
    b.cbranch(b.icmp_signed("<=", b.add(at, _whole(step)), count), inside, after)
    b.position_at_end(inside)
    more = body(at, list(held))
    at.add_incoming(b.add(at, _whole(step)), b.block)
    for phi, total in zip(held, more, strict=True):
        phi.add_incoming(total, b.block)
    b.branch(head)
    b.position_at_end(after)
    return at, list(held)


@cache
def dot(lanes: int) -> Any:
    """Return ``f(x, y, like) -> like``, addresses int64: the sum of x[0:V] * y[0:V]."""

    @intrinsic
    def product(typing: Any, x: Any, y: Any, like: Any) -> Any:
        signature = like(types.int64, types.int64, like)
        kind, size = KINDS[like.name]
        vector = ir.VectorType(kind, lanes)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            left, right = (b.load(_pointer(b, address, vector)) for address in arguments[:2])
            left.align = right.align = size
            return _sum(b, b.fmul(left, right), lanes)

        return signature, generate

    return product


@intrinsic
def atomic_add(typing: Any, address: Any, value: Any) -> Any:
    """``f(address, value) -> int64``: add, and return what was there."""
    signature = types.int64(types.int64, types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.atomic_rmw("add", _pointer(b, arguments[0], I64), arguments[1], "seq_cst")

    return signature, generate


@intrinsic
def atomic_load(typing: Any, address: Any) -> Any:
    """``f(address) -> int64``: read what another thread may be writing."""
    signature = types.int64(types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.load_atomic(_pointer(b, arguments[0], I64), "seq_cst", 8)

    return signature, generate


@intrinsic
def atomic_store(typing: Any, address: Any, value: Any) -> Any:
    """``f(address, value)``: write for other threads to read."""
    signature = types.void(types.int64, types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        b.store_atomic(arguments[1], _pointer(b, arguments[0], I64), "seq_cst", 8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def exchange_if(typing: Any, address: Any, expected: Any, value: Any) -> Any:
    """``f(address, expected, value) -> bool``: write `value` if `expected` is there, and say whether it was."""
    signature = types.boolean(types.int64, types.int64, types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(b, arguments[0], I64)
        pair = b.cmpxchg(pointer, arguments[1], arguments[2], "seq_cst", "seq_cst")
        return b.extract_value(pair, 1)

    return signature, generate


@intrinsic
def prefetch(typing: Any, address: Any) -> Any:
    """``f(address)``: have a cache line on its way that will be read soon. An address that is nobody's does no harm."""
    signature = types.void(types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        kinds = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        name = "llvm.prefetch.p0i8"
        found = b.module.globals.get(name) or ir.Function(b.module, kinds, name)
        b.call(found, [_pointer(b, arguments[0], I8), ir.Constant(I32, 0), ir.Constant(I32, 2), ir.Constant(I32, 1)])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load(typing: Any, address: Any, like: Any) -> Any:
    """``f(address, like)``: the number at an address, of the type of `like`."""
    signature = like(types.int64, like)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.load(_pointer(b, arguments[0], context.get_value_type(signature.return_type)))

    return signature, generate


@intrinsic
def store(typing: Any, address: Any, value: Any, like: Any) -> Any:
    """``f(address, value, like)``: put a number at an address, as the type of `like`."""
    signature = types.void(types.int64, value, like)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(b, arguments[1], signature.args[1], signature.args[2])
        b.store(number, _pointer(b, arguments[0], number.type))
        return context.get_dummy_value()

    return signature, generate
