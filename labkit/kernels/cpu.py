"""Compiled CPU kernels of the fixed fan-in operation: product and both gradients, as tasks that threads take one by one."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import cfunc, njit, types

from labkit.kernels import activations, simd
from labkit.kernels.compiled import CACHE, notice_while_compiling
from labkit.kernels.jobs import (
    ACTIVATION,
    AHEAD,
    BATCH,
    BIAS,
    COLUMNS,
    FIRST,
    HIDDEN,
    INDEX,
    INPUTS,
    KIND,
    LANES,
    MULTIPLY,
    OUTPUTS,
    PACK,
    PACKED,
    POINTER,
    RELU,
    ROW_STRIDE,
    ROWS,
    SCRATCH,
    SECOND,
    SIZE,
    SLOT,
    SMALL,
    SPACE,
    TAKE,
    TAKEN,
    TILES,
    VECTORS,
    WEIGHT,
    WHOLE,
    WIDE,
    X,
    Y,
    lanes_of,
    parts,
)
from labkit.kernels.memory import atomic_add, atomic_load, atomic_store, load, prefetch, store
from labkit.kernels.packing import pack, pack_columns
from labkit.kernels.pool import ARGUMENTS, BITS, DONE, GENERATION, JOB, NEXT, SLOTS, SPIN, TASKS, take

row_8_u, row_16_u, row_32_u, row_64_u = (simd.row(v, "uint16") for v in VECTORS)
row_8_i, row_16_i, row_32_i, row_64_i = (simd.row(v, "int32") for v in VECTORS)
gather_u, gather_i = (simd.gather_dot(kind) for kind in ("uint16", "int32"))
dot_8, dot_16, dot_32, dot_64 = (simd.dot(v) for v in VECTORS)
transposed, transposed_with_bias = simd.transpose(False), simd.transpose(True)
relu_8, relu_16, relu_32, relu_64 = (activations.biased(v, "relu") for v in VECTORS)
gelu_8, gelu_16, gelu_32, gelu_64 = (activations.biased(v, "gelu") for v in VECTORS)


@njit(nogil=True, cache=CACHE, inline="always")
def _row(lanes, wide, x, w, i, count, y, fresh, zero):  # type: ignore[no-untyped-def]
    """Dispatch `simd.row` on lanes and index type at run time; the branch costs less than one nonzero."""
    if wide:
        if lanes == 64:
            row_64_i(x, w, i, count, y, fresh, zero)
        elif lanes == 32:
            row_32_i(x, w, i, count, y, fresh, zero)
        elif lanes == 16:
            row_16_i(x, w, i, count, y, fresh, zero)
        else:
            row_8_i(x, w, i, count, y, fresh, zero)
    elif lanes == 64:
        row_64_u(x, w, i, count, y, fresh, zero)
    elif lanes == 32:
        row_32_u(x, w, i, count, y, fresh, zero)
    elif lanes == 16:
        row_16_u(x, w, i, count, y, fresh, zero)
    else:
        row_8_u(x, w, i, count, y, fresh, zero)


@njit(nogil=True, cache=CACHE, inline="always")
def _dot(lanes, x, y, zero):  # type: ignore[no-untyped-def]
    if lanes == 64:
        return dot_64(x, y, zero)
    if lanes == 32:
        return dot_32(x, y, zero)
    if lanes == 16:
        return dot_16(x, y, zero)
    return dot_8(x, y, zero)


@njit(nogil=True, cache=CACHE)
def _activate(kind, lanes, y, bias):  # type: ignore[no-untyped-def]
    """Compute y[0:V] = activation(y[0:V] + bias) in place, float32."""
    if kind == RELU:
        if lanes == 64:
            relu_64(y, bias)
        elif lanes == 32:
            relu_32(y, bias)
        elif lanes == 16:
            relu_16(y, bias)
        else:
            relu_8(y, bias)
    elif lanes == 64:
        gelu_64(y, bias)
    elif lanes == 32:
        gelu_32(y, bias)
    elif lanes == 16:
        gelu_16(y, bias)
    else:
        gelu_8(y, bias)


@njit(nogil=True, cache=CACHE)
def _multiply(shared, job, task, scratch, size, zero):  # type: ignore[no-untyped-def]
    """Run one task of a job in stages: pack the inputs if needed, multiply the first layer, multiply the second if any."""
    blocks, before = parts(job[BATCH], job[LANES]), 0
    if job[X] != 0:
        before = blocks * parts(job[FIRST + INPUTS], COLUMNS)
        if task < before:
            pack(job, task, size, zero)
            return
        _await(shared, before)
    layer, source = FIRST, job[PACKED]
    chunks = parts(job[FIRST + OUTPUTS], job[ROWS])
    if job[SECOND + OUTPUTS] != 0:
        if task < before + blocks * chunks:
            block, first = (task - before) // chunks, (task - before) % chunks * job[ROWS]
            packed = source + size * block * job[FIRST + INPUTS] * job[LANES]
            hidden = job[HIDDEN] + size * block * job[FIRST + OUTPUTS] * job[LANES]
            _to_hidden(job, packed, hidden, block, first, size, zero)
            return
        before += blocks * chunks
        _await(shared, before)
        layer, source = SECOND, job[HIDDEN]
        chunks = parts(job[SECOND + OUTPUTS], job[ROWS])
    block, first = (task - before) // chunks, (task - before) % chunks * job[ROWS]
    _to_y(job, layer, source + size * block * job[layer + INPUTS] * job[LANES], block, first, scratch, size, zero)


@njit(nogil=True, cache=CACHE, inline="always")
def _await(shared, tasks):  # type: ignore[no-untyped-def]
    """Spin until `tasks` tasks are done. These are the first ones, because later tasks wait for them too."""
    while atomic_load(shared + 8 * DONE) < tasks:
        pass


@njit(nogil=True, cache=CACHE)
def _whole(job, block, scratch, size, zero):  # type: ignore[no-untyped-def]
    """Pack one block of the batch and multiply it by all outputs while it is in the cache; used for batches of many blocks."""
    packed = scratch + SCRATCH
    width, outputs, layer = job[FIRST + INPUTS], job[FIRST + OUTPUTS], FIRST
    pack_columns(job, block, packed, 0, width, size, zero)
    if job[SECOND + OUTPUTS] != 0:
        hidden = packed + size * width * job[LANES]
        for first in range(0, outputs, job[ROWS]):
            _to_hidden(job, packed, hidden, block, first, size, zero)
        layer, packed, outputs = SECOND, hidden, job[SECOND + OUTPUTS]
    for first in range(0, outputs, job[ROWS]):
        _to_y(job, layer, packed, block, first, scratch, size, zero)


@njit(nogil=True, cache=CACHE)
def _to_hidden(job, source, hidden, block, first, size, zero):  # type: ignore[no-untyped-def]
    """Compute ROWS outputs of the first layer with bias and activation, feature-major as the second layer expects."""
    lanes, last = lanes_of(job, block), min(job[FIRST + OUTPUTS], first + job[ROWS])
    _accumulate(job, FIRST, source, first, last, lanes, hidden + size * first * lanes, size, zero)
    for n in range(first, last):
        bias = zero
        if job[FIRST + BIAS] != 0:
            bias = load(job[FIRST + BIAS] + size * n, zero)
        _activate(job[ACTIVATION], lanes, hidden + size * n * lanes, bias)


@njit(nogil=True, cache=CACHE)
def _to_y(job, layer, source, block, first, scratch, size, zero):  # type: ignore[no-untyped-def]
    """Compute ROWS outputs of a layer with bias, in row-major layout."""
    outputs, lanes, bias = job[layer + OUTPUTS], lanes_of(job, block), job[layer + BIAS]
    last = min(outputs, first + job[ROWS])
    _accumulate(job, layer, source, first, last, lanes, scratch, size, zero)
    filled, whole = min(lanes, job[BATCH] - block * job[LANES]), (last - first) // 8 * 8
    stride = size * outputs
    for lane in range(0, filled // 8 * 8, 8):
        target = job[Y] + size * ((block * job[LANES] + lane) * outputs + first)
        for n in range(0, whole, 8):
            here = scratch + size * (n * lanes + lane)
            if bias == 0:
                transposed(here, size * lanes, target + size * n, stride, 0, zero)
            else:
                transposed_with_bias(here, size * lanes, target + size * n, stride, bias + size * (first + n), zero)
    for lane in range(filled):
        target = job[Y] + size * ((block * job[LANES] + lane) * outputs + first)
        for n in range(whole if lane < filled // 8 * 8 else 0, last - first):
            value = load(scratch + size * (n * lanes + lane), zero)
            if bias != 0:
                value += load(bias + size * (first + n), zero)
            store(target + size * n, value, zero)


@njit(nogil=True, cache=CACHE)
def _accumulate(job, layer, source, first, last, lanes, target, size, zero):  # type: ignore[no-untyped-def]
    """Accumulate outputs first … last of a packed block, feature-major, one input tile at a time."""
    w, index, pointer, tiles, wide = (
        job[layer + WEIGHT],
        job[layer + INDEX],
        job[layer + POINTER],
        job[layer + TILES],
        job[layer + WIDE],
    )
    index_size = 4 if wide else 2
    for tile in range(tiles):
        for n in range(first, last):
            row = pointer + 8 * n * (tiles + 1)
            begin = load(row + 8 * tile, np.int64(0))
            count = load(row + 8 * (tile + 1), np.int64(0)) - begin
            if count > 0 and load(w + size * begin, zero) == zero:  # skip ablated neurons
                whole = load(row, np.int64(0))
                if _all_zero(w + size * whole, load(row + 8 * tiles, np.int64(0)) - whole, size, zero):
                    count = 0
            into = target + size * (n - first) * lanes
            _row(lanes, wide, source, w + size * begin, index + index_size * begin, count, into, np.int64(tile == 0), zero)


@njit(nogil=True, cache=CACHE, inline="always")
def _fetch(weights, columns, count, size, index_size):  # type: ignore[no-untyped-def]
    """Prefetch later weights and indices: the hardware prefetcher stops at page boundaries."""
    for place in range(0, size * count, 64):
        prefetch(weights + size * AHEAD + place)
    for place in range(0, index_size * count, 64):
        prefetch(columns + index_size * AHEAD + place)


@njit(nogil=True, cache=CACHE)
def _all_zero(weights, count, size, zero):  # type: ignore[no-untyped-def]
    """Whether the next `count` weights are all zero; called only if the first is, which decides most outputs."""
    for k in range(count):  # noqa: SIM110 - numba cannot compile generators
        if load(weights + size * k, zero) != zero:
            return False
    return True


@njit(nogil=True, cache=CACHE)
def _small(job, task, size, zero):  # type: ignore[no-untyped-def]
    """Compute ROWS outputs of a small batch by gathering from x directly, without packing."""
    outputs, wide, bias, pointer = job[FIRST + OUTPUTS], job[FIRST + WIDE], job[FIRST + BIAS], job[FIRST + POINTER]
    tiles = job[FIRST + TILES]
    for n in range(task * job[ROWS], min(outputs, (task + 1) * job[ROWS])):
        row = pointer + 8 * n * (tiles + 1)
        begin = load(row, np.int64(0))
        count = load(row + 8 * tiles, np.int64(0)) - begin
        weights, columns = job[FIRST + WEIGHT] + size * begin, job[FIRST + INDEX] + (4 if wide else 2) * begin
        if count > 0 and load(weights, zero) == zero and _all_zero(weights, count, size, zero):
            count = 0
        _fetch(weights, columns, count, size, 4 if wide else 2)
        for b in range(job[BATCH]):
            source = job[X] + size * b * job[ROW_STRIDE]
            total = gather_i(source, weights, columns, count, zero) if wide else gather_u(source, weights, columns, count, zero)
            if bias != 0:
                total += load(bias + size * n, zero)
            store(job[Y] + size * (b * outputs + n), total, zero)


@njit(nogil=True, cache=CACHE)
def _take(job, task, size, zero):  # type: ignore[no-untyped-def]
    """Compute out[i] = weight[index[i]] for int64 indices."""
    for i in range(task * TAKEN, min(job[FIRST + OUTPUTS], (task + 1) * TAKEN)):
        place = load(job[FIRST + INDEX] + 8 * i, np.int64(0))
        store(job[Y] + size * i, load(job[FIRST + WEIGHT] + size * place, zero), zero)


@njit(nogil=True, cache=CACHE)
def _grad_weight(job, task, size, zero):  # type: ignore[no-untyped-def]
    """Compute dW[n, k]: the dot product over the batch of row n of the gradient and row index[n, k] of the input."""
    index, out, outputs, wide = job[FIRST + INDEX], job[Y], job[FIRST + OUTPUTS], job[FIRST + WIDE]
    width, fan_in = job[FIRST + INPUTS], job[FIRST + TILES]
    for n in range(task * job[ROWS], min(outputs, (task + 1) * job[ROWS])):
        for block in range(parts(job[BATCH], job[LANES])):
            lanes = lanes_of(job, block)
            left = job[HIDDEN] + size * (block * outputs * job[LANES] + n * lanes)
            source = job[PACKED] + size * block * width * job[LANES]
            for k in range(fan_in):
                position = n * fan_in + k
                column = np.int64(load(index + 4 * position, np.int32(0)) if wide else load(index + 2 * position, np.uint16(0)))
                right = source + size * lanes * column
                value = _dot(lanes, left, right, zero)
                place = out + size * position
                store(place, value if block == 0 else load(place, zero) + value, zero)


@njit(nogil=True, cache=CACHE)
def run(shared, generation, zero):  # type: ignore[no-untyped-def]
    """Run tasks of the job in shared memory until none is left; values have the dtype of `zero`."""
    job = np.empty(ARGUMENTS, np.int64)
    scratch = 0
    task = take(shared, generation)
    while task >= 0:
        if scratch == 0:  # a thread with a first task claims a slot of the working memory
            for i in range(ARGUMENTS):
                job[i] = load(shared + 8 * (JOB + i), np.int64(0))
            scratch = job[SPACE] + job[SLOT] * atomic_add(shared + 8 * SLOTS, 1)
        _task(shared, job, task, scratch, job[SIZE], zero)
        atomic_add(shared + 8 * DONE, 1)
        task = take(shared, generation)


@njit(nogil=True, cache=CACHE)
def _task(shared, job, task, scratch, size, zero):  # type: ignore[no-untyped-def]
    kind = job[KIND]
    if kind == MULTIPLY:
        _multiply(shared, job, task, scratch, size, zero)
    elif kind == WHOLE:
        _whole(job, task, scratch, size, zero)
    elif kind == SMALL:
        _small(job, task, size, zero)
    elif kind == PACK:
        pack(job, task, size, zero)
    elif kind == TAKE:
        _take(job, task, size, zero)
    else:
        _grad_weight(job, task, size, zero)


@njit(nogil=True, cache=CACHE)
def follow(shared, generation):  # type: ignore[no-untyped-def]
    """Take part in every new job until none arrives for SPIN polls; return the last generation seen."""
    looks = 0
    while looks < SPIN:
        newest = atomic_load(shared + 8 * GENERATION)
        if newest == generation:
            looks += 1
            continue
        generation = newest
        if load(shared + 8 * (JOB + SIZE), np.int64(0)) == 8:
            run(shared, generation, np.float64(0))
        else:
            run(shared, generation, np.float32(0))
        looks = 0
    return generation


@njit(nogil=True, cache=CACHE)
def publish(shared, tasks):  # type: ignore[no-untyped-def]
    """Publish the job whose arguments are in shared memory; return its generation."""
    generation = atomic_load(shared + 8 * GENERATION) + 1
    atomic_store(shared + 8 * DONE, 0)
    atomic_store(shared + 8 * SLOTS, 0)
    atomic_store(shared + 8 * TASKS, tasks)
    atomic_store(shared + 8 * NEXT, generation << BITS)
    atomic_store(shared + 8 * GENERATION, generation)
    return generation


@njit(nogil=True, cache=CACHE)
def submit(shared, tasks, zero):  # type: ignore[no-untyped-def]
    """Publish a job, take part in it, and wait for tasks that other threads have begun."""
    run(shared, publish(shared, tasks), zero)
    while atomic_load(shared + 8 * DONE) < tasks:
        pass


@cache
def member(size: int) -> int:
    """Return the address of a C function ``f(shared)`` that takes part in the newest job, for values of `size` bytes."""
    with notice_while_compiling():
        return (_member_of_double() if size == 8 else _member_of_single()).address


def _member_of_single():  # type: ignore[no-untyped-def]
    @cfunc(types.void(types.int64), nopython=True, nogil=True, cache=CACHE)
    def take_part_in_single(shared):  # type: ignore[no-untyped-def]
        run(shared, atomic_load(shared + 8 * GENERATION), np.float32(0))

    return take_part_in_single


def _member_of_double():  # type: ignore[no-untyped-def]
    @cfunc(types.void(types.int64), nopython=True, nogil=True, cache=CACHE)
    def take_part_in_double(shared):  # type: ignore[no-untyped-def]
        run(shared, atomic_load(shared + 8 * GENERATION), np.float64(0))

    return take_part_in_double
