"""Packing of inputs for the CPU kernels: from any strides to feature-major blocks with the batch along the SIMD lanes."""

from __future__ import annotations

from numba import njit

from labkit.kernels import simd
from labkit.kernels.compiled import CACHE
from labkit.kernels.jobs import BATCH, COLUMN_STRIDE, COLUMNS, FIRST, INPUTS, LANES, PACKED, ROW_STRIDE, X, lanes_of, parts
from labkit.kernels.memory import load, store

transposed = simd.transpose(False)


@njit(nogil=True, cache=CACHE)
def pack(job, task, size, zero):  # type: ignore[no-untyped-def]
    """Pack COLUMNS columns of a block: x [B, D] with any strides -> [blocks, D, V], feature-major, zero-padded at the end."""
    width = job[FIRST + INPUTS]
    chunks = parts(width, COLUMNS)
    block, chunk = task // chunks, task % chunks
    target = job[PACKED] + size * block * width * job[LANES]
    pack_columns(job, block, target, chunk * COLUMNS, min(width, (chunk + 1) * COLUMNS), size, zero)


@njit(nogil=True, cache=CACHE)
def pack_columns(job, block, target, first, last, size, zero):  # type: ignore[no-untyped-def]
    """Pack columns first … last of a block: full 8x8 tiles by vector transposition, the remainder element by element."""
    row_stride, column_stride, lanes = job[ROW_STRIDE], job[COLUMN_STRIDE], lanes_of(job, block)
    filled = min(lanes, job[BATCH] - block * job[LANES])
    source = job[X] + size * block * job[LANES] * row_stride
    if column_stride == 1:
        whole, first_whole = filled // 8 * 8, first
        first += (last - first) // 8 * 8
        for column in range(first_whole, first, 8):
            for lane in range(0, whole, 8):
                line = source + size * (lane * row_stride + column)
                transposed(line, size * row_stride, target + size * (column * lanes + lane), size * lanes, 0, zero)
        _pack_numbers(source, target, first_whole, first, whole, filled, lanes, row_stride, column_stride, size, zero)
    _pack_numbers(source, target, first, last, 0, filled, lanes, row_stride, column_stride, size, zero)


@njit(nogil=True, cache=CACHE)
def _pack_numbers(source, target, first, last, lane, filled, lanes, row_stride, column_stride, size, zero):  # type: ignore[no-untyped-def]
    """Pack columns first … last of the examples from `lane` on, sixteen columns (one cache line of a row) at a time."""
    for start in range(first, last, 16):
        stop = min(last, start + 16)
        for example in range(lane, filled):
            line = source + size * example * row_stride
            for column in range(start, stop):
                store(target + size * (column * lanes + example), load(line + size * column * column_stride, zero), zero)
        for example in range(filled, lanes):
            for column in range(start, stop):
                store(target + size * (column * lanes + example), zero, zero)
