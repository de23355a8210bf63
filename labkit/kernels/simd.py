"""SIMD arithmetic for numba, emitted as LLVM IR: one source for AVX2, AVX-512 and Arm, without a C++ compiler.

A numba loop over a small local array spills its accumulators to memory. Here the accumulator of `row` is one LLVM vector of V
lanes, which LLVM keeps in registers (for V = 64: 8 AVX2, 4 AVX-512 or 16 Neon registers), so that a nonzero costs V / width
multiply-adds and nothing else. The batch runs along the lanes: x is feature-major, and a gathered index reads V adjacent values.
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
SUMS = 64  # float32 accumulators kept in registers
INDEX: dict[str, tuple[Any, int]] = {"uint16": (ir.IntType(16), 2), "int32": (I32, 4)}


def pointer_to(builder: Any, address: Any, kind: Any) -> Any:
    """Return `address` (int64) as a pointer to `kind`."""
    return builder.inttoptr(address, kind.as_pointer())


def splat(builder: Any, scalar: Any, lanes: int) -> Any:
    """Return a vector with `scalar` in every lane."""
    kind = ir.VectorType(scalar.type, lanes)
    start = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(start, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def call_intrinsic(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call an LLVM intrinsic by name, declaring it in the module on first use."""
    module = builder.module
    found = module.globals.get(name) or ir.Function(module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return builder.call(found, arguments)


@cache
def row(lanes: int, index: str) -> Any:
    """Return ``f(x, w, i, count, y, fresh, like)``: y[0:V] (+)= sum_k w[k] * x[i[k], 0:V], in the dtype of `like`.

    Addresses are int64. With ``fresh=1`` the sum starts from zero, with 0 from the content of y. A multiply-add has a latency of
    several cycles but two can be issued per cycle, so narrow vectors use several independent accumulators.
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

            def accumulated(k: Any, total: Any) -> Any:
                column = b.zext(b.load(pointer_to(b, b.add(i, b.mul(k, int64(index_size))), index_kind)), I64)
                lane = b.load(pointer_to(b, b.add(x, b.mul(column, int64(size * lanes))), vector))
                lane.align = size
                weight = b.load(pointer_to(b, b.add(w, b.mul(k, int64(size))), kind))
                return call_intrinsic(b, f"llvm.fma.v{lanes}f{8 * size}", vector, [splat(b, weight, lanes), lane, total])

            out = pointer_to(b, y, vector)
            reload, ready = b.append_basic_block("reload"), b.append_basic_block("ready")
            entry = b.block
            b.cbranch(b.icmp_signed("!=", fresh, int64(0)), ready, reload)
            b.position_at_end(reload)
            before = b.load(out)
            before.align = size
            b.branch(ready)
            b.position_at_end(ready)
            start = b.phi(vector)
            zero = ir.Constant(vector, [0.0] * lanes)
            start.add_incoming(zero, entry)
            start.add_incoming(before, reload)
            k, totals = int64(0), [start] + [zero] * (sums - 1)
            if sums > 1:
                k, totals = _loop(
                    b, count, k, totals, sums, lambda k, t: [accumulated(b.add(k, int64(s)), t[s]) for s in range(sums)]
                )
            _, totals = _loop(b, count, k, totals, 1, lambda k, t: [accumulated(k, t[0]), *t[1:]])
            while len(totals) > 1:
                totals = [b.fadd(left, right) for left, right in zip(totals[::2], totals[1::2], strict=True)]
            b.store(totals[0], out).align = size
            return context.get_dummy_value()

        return signature, generate

    return accumulate


@cache
def transpose(with_bias: bool) -> Any:
    """Return ``f(source, source_stride, target, target_stride, bias, like)``: the transpose of an 8x8 tile.

    Addresses and strides (in bytes) are int64. Row j of the target is column j of the source, plus bias[0:8] if `with_bias`.
    """

    @intrinsic
    def turned(typing: Any, source: Any, source_stride: Any, target: Any, target_stride: Any, bias: Any, like: Any) -> Any:
        signature = types.void(types.int64, types.int64, types.int64, types.int64, types.int64, like)
        kind, size = KINDS[like.name]
        vector = ir.VectorType(kind, 8)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            source, source_stride, target, target_stride, bias, _ = arguments

            def read(address: Any) -> Any:
                value = b.load(pointer_to(b, address, vector))
                value.align = size
                return value

            rows = [read(b.add(source, b.mul(source_stride, int64(row)))) for row in range(8)]
            for apart in (1, 2, 4):  # exchange elements `apart` off the diagonal
                rows = _exchanged(b, rows, apart)
            if with_bias:
                more = read(bias)
                rows = [b.fadd(row, more) for row in rows]
            for place, row in enumerate(rows):
                b.store(row, pointer_to(b, b.add(target, b.mul(target_stride, int64(place))), vector)).align = size
            return context.get_dummy_value()

        return signature, generate

    return turned


def _exchanged(b: Any, rows: list[Any], apart: int) -> list[Any]:
    """One stage of a butterfly transposition: two rows `apart` from each other exchange off-diagonal blocks."""
    after = list(rows)
    for low in range(8):
        if low & apart:
            continue
        high = low + apart
        # shuffle indices 0 … 7 select from the lower row, 8 … 15 from the higher
        to_low = [i if not i & apart else 8 + i - apart for i in range(8)]
        to_high = [8 + i if i & apart else i + apart for i in range(8)]
        for place, taken in ((low, to_low), (high, to_high)):
            after[place] = b.shuffle_vector(rows[low], rows[high], ir.Constant(ir.VectorType(I32, 8), taken))
    return after


@cache
def gather_dot(index: str) -> Any:
    """Return ``f(x, w, i, count, like) -> like``: the sparse dot product sum_k w[k] * x[i[k]]; addresses are int64.

    Inputs are inserted into a vector one by one; weights and indices are loaded several at a time, which assumes little-endian
    byte order (true of every platform with torch wheels). This is a third faster than a scalar loop or hardware gathers.
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
                return b.load(pointer_to(b, b.add(x, b.mul(column, int64(size))), kind))

            def columns(k: Any) -> list[Any]:  # as many indices as fit 8 bytes, in one load
                found = []
                for start in range(0, lanes, 8 // index_size):
                    at = b.add(i, b.mul(b.add(k, int64(start)), int64(index_size)))
                    several = b.load(pointer_to(b, at, I64))
                    several.align = index_size
                    mask = int64(2 ** (8 * index_size) - 1)
                    found += [b.and_(b.lshr(several, int64(bit)), mask) for bit in range(0, 64, 8 * index_size)]
                return found

            def vector_step(k: Any, total: Any, mask: Any = None) -> Any:
                values = ir.Constant(vector, ir.Undefined)
                for lane, column in enumerate(columns(k)):
                    values = b.insert_element(values, value(column), ir.Constant(I32, lane))
                weights = b.load(pointer_to(b, b.add(w, b.mul(k, int64(size))), vector))
                weights.align = size
                if mask is not None:
                    nothing = ir.Constant(vector, [0.0] * lanes)
                    values, weights = b.select(mask, values, nothing), b.select(mask, weights, nothing)
                return call_intrinsic(b, f"llvm.fma.v{lanes}f{8 * size}", vector, [weights, values, total])

            def scalar_step(k: Any, total: Any) -> Any:
                weight = b.load(pointer_to(b, b.add(w, b.mul(k, int64(size))), kind))
                column = b.zext(b.load(pointer_to(b, b.add(i, b.mul(k, int64(index_size))), index_kind)), I64)
                return call_intrinsic(b, f"llvm.fma.f{8 * size}", kind, [weight, value(column), total])

            many, few, end = (b.append_basic_block(name) for name in ("many", "few", "end"))
            b.cbranch(b.icmp_signed(">=", count, int64(lanes)), many, few)
            b.position_at_end(many)  # the last step overlaps nonzeros already added, which are masked out
            k, totals = _loop(b, count, int64(0), [ir.Constant(vector, [0.0] * lanes)], lanes, lambda k, t: [vector_step(k, t[0])])
            done = splat(b, b.trunc(b.sub(int64(lanes), b.sub(count, k)), I32), lanes)
            left = b.icmp_signed(">=", ir.Constant(ir.VectorType(I32, lanes), list(range(lanes))), done)
            of_many = _sum(b, vector_step(b.sub(count, int64(lanes)), totals[0], left), lanes)
            after_many = b.block
            b.branch(end)
            b.position_at_end(few)
            _, totals = _loop(b, count, int64(0), [ir.Constant(kind, 0.0)], 1, lambda k, t: [scalar_step(k, t[0])])
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
    """Sum the lanes of a vector by halving it log2(lanes) times."""
    nothing = ir.Constant(total.type, ir.Undefined)
    while lanes > 1:
        lanes //= 2
        both = [ir.Constant(ir.VectorType(I32, lanes), list(range(start, start + lanes))) for start in (0, lanes)]
        total = b.fadd(*(b.shuffle_vector(total, nothing, half) for half in both))
        nothing = ir.Constant(total.type, ir.Undefined)
    return b.extract_element(total, ir.Constant(I32, 0))


def int64(number: int) -> Any:
    """Return an int64 constant."""
    return ir.Constant(I64, number)


def _loop(
    b: Any, count: Any, k: Any, totals: list[Any], step: int, body: Callable[[Any, list[Any]], list[Any]]
) -> tuple[Any, list[Any]]:
    """Emit a loop over k, k + step, … while k + step <= count; return the final k and accumulators."""
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
    b.cbranch(b.icmp_signed("<=", b.add(at, int64(step)), count), inside, after)
    b.position_at_end(inside)
    more = body(at, list(held))
    at.add_incoming(b.add(at, int64(step)), b.block)
    for phi, total in zip(held, more, strict=True):
        phi.add_incoming(total, b.block)
    b.branch(head)
    b.position_at_end(after)
    return at, list(held)


@cache
def dot(lanes: int) -> Any:
    """Return ``f(x, y, like) -> like``: the dot product of x[0:V] and y[0:V]; addresses are int64."""

    @intrinsic
    def product(typing: Any, x: Any, y: Any, like: Any) -> Any:
        signature = like(types.int64, types.int64, like)
        kind, size = KINDS[like.name]
        vector = ir.VectorType(kind, lanes)

        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            left, right = (b.load(pointer_to(b, address, vector)) for address in arguments[:2])
            left.align = right.align = size
            return _sum(b, b.fmul(left, right), lanes)

        return signature, generate

    return product
