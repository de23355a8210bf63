"""Reads, writes and atomic operations at raw addresses, as numba intrinsics."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
from numba import types
from numba.extending import intrinsic

from labkit.kernels.simd import I8, I32, I64, pointer_to


@intrinsic
def atomic_add(typing: Any, address: Any, value: Any) -> Any:
    """``f(address, value) -> int64``: atomically add, returning the previous value."""
    signature = types.int64(types.int64, types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.atomic_rmw("add", pointer_to(b, arguments[0], I64), arguments[1], "seq_cst")

    return signature, generate


@intrinsic
def atomic_load(typing: Any, address: Any) -> Any:
    """``f(address) -> int64``: atomic load."""
    signature = types.int64(types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.load_atomic(pointer_to(b, arguments[0], I64), "seq_cst", 8)

    return signature, generate


@intrinsic
def atomic_store(typing: Any, address: Any, value: Any) -> Any:
    """``f(address, value)``: atomic store."""
    signature = types.void(types.int64, types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        b.store_atomic(arguments[1], pointer_to(b, arguments[0], I64), "seq_cst", 8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def exchange_if(typing: Any, address: Any, expected: Any, value: Any) -> Any:
    """``f(address, expected, value) -> bool``: compare and swap; True if `value` was written."""
    signature = types.boolean(types.int64, types.int64, types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(b, arguments[0], I64)
        pair = b.cmpxchg(pointer, arguments[1], arguments[2], "seq_cst", "seq_cst")
        return b.extract_value(pair, 1)

    return signature, generate


@intrinsic
def prefetch(typing: Any, address: Any) -> Any:
    """``f(address)``: prefetch a cache line for reading. An invalid address is harmless."""
    signature = types.void(types.int64)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        kinds = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        name = "llvm.prefetch.p0i8"
        found = b.module.globals.get(name) or ir.Function(b.module, kinds, name)
        b.call(found, [pointer_to(b, arguments[0], I8), ir.Constant(I32, 0), ir.Constant(I32, 2), ir.Constant(I32, 1)])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load(typing: Any, address: Any, like: Any) -> Any:
    """``f(address, like)``: load a value of the dtype of `like`."""
    signature = like(types.int64, like)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.load(pointer_to(b, arguments[0], context.get_value_type(signature.return_type)))

    return signature, generate


@intrinsic
def store(typing: Any, address: Any, value: Any, like: Any) -> Any:
    """``f(address, value, like)``: store a value, cast to the dtype of `like`."""
    signature = types.void(types.int64, value, like)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(b, arguments[1], signature.args[1], signature.args[2])
        b.store(number, pointer_to(b, arguments[0], number.type))
        return context.get_dummy_value()

    return signature, generate
