"""The fixed fan-in kernels on the processor: pack, multiply, and both gradients, over tasks that a `Pool` shares out."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import cfunc, njit, types

from labkit.kernels import simd
from labkit.kernels.compiled import CACHE
from labkit.kernels.pool import ARGUMENTS, BITS, DONE, GENERATION, JOB, NEXT, SLOTS, SPIN, TASKS, take
from labkit.kernels.simd import atomic_add, atomic_load, atomic_store, load, store

PACK, MULTIPLY, SMALL, GRAD_WEIGHT, WHOLE, DOUBLE = 0, 1, 2, 3, 4, 8
ROWS = 64  # outputs of one task; with 64 lanes their scratch fills 16 kB, so that it is written out from the first cache
SCRATCH = ROWS * 64 * 8  # bytes of it, for float64
COLUMNS = 256  # inputs that one task packs
LANES = (8, 16, 32, 64)

row_8_fu, row_16_fu, row_32_fu, row_64_fu = (simd.row(v, "float32", "uint16") for v in LANES)
row_8_fi, row_16_fi, row_32_fi, row_64_fi = (simd.row(v, "float32", "int32") for v in LANES)
row_8_du, row_16_du, row_32_du, row_64_du = (simd.row(v, "float64", "uint16") for v in LANES)
row_8_di, row_16_di, row_32_di, row_64_di = (simd.row(v, "float64", "int32") for v in LANES)
gather_fu, gather_fi = (simd.gather_dot("float32", kind) for kind in ("uint16", "int32"))
gather_du, gather_di = (simd.gather_dot("float64", kind) for kind in ("uint16", "int32"))
dot_8_f, dot_16_f, dot_32_f, dot_64_f = (simd.dot(v, "float32") for v in LANES)
dot_8_d, dot_16_d, dot_32_d, dot_64_d = (simd.dot(v, "float64") for v in LANES)


@njit(nogil=True, cache=CACHE, inline="always")
def _row_f(lanes, wide, x, w, i, count, y, fresh):  # type: ignore[no-untyped-def]
    """`simd.row` for float32; the branch costs less than one link."""
    if wide:
        if lanes == 64:
            row_64_fi(x, w, i, count, y, fresh)
        elif lanes == 32:
            row_32_fi(x, w, i, count, y, fresh)
        elif lanes == 16:
            row_16_fi(x, w, i, count, y, fresh)
        else:
            row_8_fi(x, w, i, count, y, fresh)
    elif lanes == 64:
        row_64_fu(x, w, i, count, y, fresh)
    elif lanes == 32:
        row_32_fu(x, w, i, count, y, fresh)
    elif lanes == 16:
        row_16_fu(x, w, i, count, y, fresh)
    else:
        row_8_fu(x, w, i, count, y, fresh)


@njit(nogil=True, cache=CACHE, inline="always")
def _row_d(lanes, wide, x, w, i, count, y, fresh):  # type: ignore[no-untyped-def]
    """`simd.row` for float64."""
    if wide:
        if lanes == 64:
            row_64_di(x, w, i, count, y, fresh)
        elif lanes == 32:
            row_32_di(x, w, i, count, y, fresh)
        elif lanes == 16:
            row_16_di(x, w, i, count, y, fresh)
        else:
            row_8_di(x, w, i, count, y, fresh)
    elif lanes == 64:
        row_64_du(x, w, i, count, y, fresh)
    elif lanes == 32:
        row_32_du(x, w, i, count, y, fresh)
    elif lanes == 16:
        row_16_du(x, w, i, count, y, fresh)
    else:
        row_8_du(x, w, i, count, y, fresh)


@njit(nogil=True, cache=CACHE, inline="always")
def _dot_f(lanes, x, y):  # type: ignore[no-untyped-def]
    if lanes == 64:
        return dot_64_f(x, y)
    if lanes == 32:
        return dot_32_f(x, y)
    if lanes == 16:
        return dot_16_f(x, y)
    return dot_8_f(x, y)


@njit(nogil=True, cache=CACHE, inline="always")
def _dot_d(lanes, x, y):  # type: ignore[no-untyped-def]
    if lanes == 64:
        return dot_64_d(x, y)
    if lanes == 32:
        return dot_32_d(x, y)
    if lanes == 16:
        return dot_16_d(x, y)
    return dot_8_d(x, y)


@njit(nogil=True, cache=CACHE)
def _pack(x, out, batch, width, lanes, row_stride, column_stride, task, size, zero):  # type: ignore[no-untyped-def]
    """COLUMNS of a block: x [B, D] with any strides -> [blocks, D, V], feature-major; the last block is filled up with zeros."""
    chunks = -(-width // COLUMNS)
    block, chunk = task // chunks, task % chunks
    filled = min(lanes, batch - block * lanes)
    source, target = x + size * block * lanes * row_stride, out + size * block * width * lanes
    for start in range(chunk * COLUMNS, min(width, (chunk + 1) * COLUMNS), 16):
        stop = min(width, start + 16)
        _pack_columns(source, target, start, stop, filled, lanes, row_stride, column_stride, size, zero)


@njit(nogil=True, cache=CACHE)
def _pack_columns(source, target, start, stop, filled, lanes, row_stride, column_stride, size, zero):  # type: ignore[no-untyped-def]
    """At most sixteen columns of a block: a cache line of every row."""
    for lane in range(filled):
        line = source + size * lane * row_stride
        for column in range(start, stop):
            store(target + size * (column * lanes + lane), load(line + size * column * column_stride, zero), zero)
    for lane in range(filled, lanes):
        for column in range(start, stop):
            store(target + size * (column * lanes + lane), zero, zero)


@njit(nogil=True, cache=CACHE)
def _multiply(shared, job, task, scratch, size, zero, double):  # type: ignore[no-untyped-def]
    """COLUMNS inputs packed by one of the first tasks; one block of the batch times ROWS outputs by one of the others."""
    width, batch, lanes = job[8], job[9], job[10]
    if job[16] != 0:
        packs = -(-batch // lanes) * -(-width // COLUMNS)
        if task < packs:
            _pack(job[16], job[1], batch, width, lanes, job[14], job[15], task, size, zero)
            return
        while atomic_load(shared + 8 * DONE) < packs:  # no multiplication is done before the last of the packing tasks
            pass
        task -= packs
    chunks = job[13]
    block, chunk = task // chunks, task % chunks
    first, last = chunk * ROWS, min(job[7], (chunk + 1) * ROWS)
    _outputs(job, job[1] + size * block * width * lanes, block, first, last, scratch, size, zero, double)


@njit(nogil=True, cache=CACHE)
def _whole(job, task, scratch, size, zero, double):  # type: ignore[no-untyped-def]
    """One block of the batch, packed and multiplied by all outputs while it is in the cache: what many blocks are worked off by."""
    outputs, width, batch, lanes = job[7], job[8], job[9], job[10]
    packed = scratch + SCRATCH
    filled = min(lanes, batch - task * lanes)
    source = job[16] + size * task * lanes * job[14]
    for start in range(0, width, 16):
        _pack_columns(source, packed, start, min(width, start + 16), filled, lanes, job[14], job[15], size, zero)
    for first in range(0, outputs, ROWS):
        _outputs(job, packed, task, first, min(outputs, first + ROWS), scratch, size, zero, double)


@njit(nogil=True, cache=CACHE)
def _outputs(job, source, block, first, last, scratch, size, zero, double):  # type: ignore[no-untyped-def]
    """Outputs first … last of a packed block, tile by tile of the input, then bias, and out in ordinary layout."""
    w, index, pointer, bias, y = job[2], job[3], job[4], job[5], job[6]
    outputs, batch, lanes, tiles, wide = job[7], job[9], job[10], job[11], job[12]
    index_size = 4 if wide else 2
    for tile in range(tiles):
        for n in range(first, last):
            place = pointer + 8 * (n * (tiles + 1) + tile)
            begin = load(place, np.int64(0))
            count = load(place + 8, np.int64(0)) - begin
            if count > 0 and load(w + size * begin, zero) == zero:  # an ablated neuron has no work
                place = pointer + 8 * n * (tiles + 1)
                whole = load(place, np.int64(0))
                if _all_zero(w + size * whole, load(place + 8 * tiles, np.int64(0)) - whole, size, zero):
                    count = 0
            into = scratch + size * (n - first) * lanes
            if double:
                _row_d(lanes, wide, source, w + 8 * begin, index + index_size * begin, count, into, np.int64(tile == 0))
            else:
                _row_f(lanes, wide, source, w + 4 * begin, index + index_size * begin, count, into, np.int64(tile == 0))
    filled = min(lanes, batch - block * lanes)
    for lane in range(filled):
        target = y + size * ((block * lanes + lane) * outputs + first)
        for n in range(last - first):
            value = load(scratch + size * (n * lanes + lane), zero)
            if bias != 0:
                value += load(bias + size * (first + n), zero)
            store(target + size * n, value, zero)


@njit(nogil=True, cache=CACHE)
def _all_zero(weights, count, size, zero):  # type: ignore[no-untyped-def]
    """Whether so many weights are zero. Asked only where the first is: most outputs answer by it."""
    for link in range(count):
        if load(weights + size * link, zero) != zero:
            return False
    return True


@njit(nogil=True, cache=CACHE)
def _small(job, task, size, zero, double):  # type: ignore[no-untyped-def]
    """Few examples: every output gathers its inputs from x itself."""
    x, w, index, bias, y, outputs, fan_in, batch, wide = job[1], job[2], job[3], job[4], job[5], job[6], job[7], job[8], job[9]
    width = job[10]
    for n in range(task * ROWS, min(outputs, (task + 1) * ROWS)):
        weights, links, count = w + size * n * fan_in, index + (4 if wide else 2) * n * fan_in, fan_in
        if count > 0 and load(weights, zero) == zero and _all_zero(weights, fan_in, size, zero):  # an ablated neuron has no work
            count = 0
        for b in range(batch):
            source = x + size * b * width
            if double:
                total = gather_di(source, weights, links, count) if wide else gather_du(source, weights, links, count)
            else:
                total = gather_fi(source, weights, links, count) if wide else gather_fu(source, weights, links, count)
            if bias != 0:
                total += load(bias + size * n, zero)
            store(y + size * (b * outputs + n), total, zero)


@njit(nogil=True, cache=CACHE)
def _grad_weight(job, task, size, zero, double):  # type: ignore[no-untyped-def]
    """dW[n, k] = sum over blocks of the inner products of the gradient's row n with the input's row index[n, k]."""
    x, grad, index, out = job[1], job[2], job[3], job[4]
    outputs, fan_in, width, lanes, blocks, wide = job[5], job[6], job[7], job[8], job[9], job[10]
    for n in range(task * ROWS, min(outputs, (task + 1) * ROWS)):
        for block in range(blocks):
            left = grad + size * lanes * (block * outputs + n)
            source = x + size * block * width * lanes
            for k in range(fan_in):
                link = n * fan_in + k
                column = np.int64(load(index + 4 * link, np.int32(0)) if wide else load(index + 2 * link, np.uint16(0)))
                right = source + size * lanes * column
                value = _dot_d(lanes, left, right) if double else _dot_f(lanes, left, right)
                place = out + size * link
                store(place, value if block == 0 else load(place, zero) + value, zero)


@njit(nogil=True, cache=CACHE)
def run(shared, generation):  # type: ignore[no-untyped-def]
    """Work off tasks of the job that lies in the shared memory until none is left."""
    job = np.empty(ARGUMENTS, np.int64)
    scratch = 0
    task = take(shared, generation)
    while task >= 0:
        if scratch == 0:  # whoever has a task has a place in the working memory of the job
            for i in range(ARGUMENTS):
                job[i] = load(shared + 8 * (JOB + i), np.int64(0))
            scratch = job[17] + job[18] * atomic_add(shared + 8 * SLOTS, 1)
        if job[0] >= DOUBLE:
            _task(shared, job, task, scratch, 8, np.float64(0), True)
        else:
            _task(shared, job, task, scratch, 4, np.float32(0), False)
        atomic_add(shared + 8 * DONE, 1)
        task = take(shared, generation)


@njit(nogil=True, cache=CACHE)
def _task(shared, job, task, scratch, size, zero, double):  # type: ignore[no-untyped-def]
    kind = job[0] % DOUBLE
    if kind == MULTIPLY:
        _multiply(shared, job, task, scratch, size, zero, double)
    elif kind == WHOLE:
        _whole(job, task, scratch, size, zero, double)
    elif kind == SMALL:
        _small(job, task, size, zero, double)
    elif kind == PACK:
        _pack(job[1], job[2], job[3], job[4], job[5], job[6], job[7], task, size, zero)
    else:
        _grad_weight(job, task, size, zero, double)


@njit(nogil=True, cache=CACHE)
def follow(shared, generation):  # type: ignore[no-untyped-def]
    """A worker: take part in every new job, until none has come for a while; return the number of the last one."""
    looks = 0
    while looks < SPIN:
        newest = atomic_load(shared + 8 * GENERATION)
        if newest == generation:
            looks += 1
            continue
        generation = newest
        run(shared, generation)
        looks = 0
    return generation


@njit(nogil=True, cache=CACHE)
def publish(shared, tasks):  # type: ignore[no-untyped-def]
    """Make a job known whose arguments lie in the shared memory; return its number."""
    generation = atomic_load(shared + 8 * GENERATION) + 1
    atomic_store(shared + 8 * DONE, 0)
    atomic_store(shared + 8 * SLOTS, 0)
    atomic_store(shared + 8 * TASKS, tasks)
    atomic_store(shared + 8 * NEXT, generation << BITS)
    atomic_store(shared + 8 * GENERATION, generation)
    return generation


@njit(nogil=True, cache=CACHE)
def submit(shared, tasks):  # type: ignore[no-untyped-def]
    """The caller: publish a job, take part, and wait for tasks that others have begun."""
    run(shared, publish(shared, tasks))
    while atomic_load(shared + 8 * DONE) < tasks:
        pass


@cache
def member() -> int:
    """Address of a C function (shared): take part in the newest job."""

    @cfunc(types.void(types.int64), nopython=True, nogil=True, cache=CACHE)
    def take_part(shared):  # type: ignore[no-untyped-def]
        run(shared, atomic_load(shared + 8 * GENERATION))

    return take_part.address
