"""The fixed fan-in kernels on the processor: pack, multiply, and both gradients, over tasks that threads share out."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import cfunc, njit, types

from labkit.kernels import simd
from labkit.kernels.compiled import CACHE, announced
from labkit.kernels.pool import ARGUMENTS, BITS, DONE, GENERATION, JOB, NEXT, SLOTS, SPIN, TASKS, take
from labkit.kernels.simd import atomic_add, atomic_load, atomic_store, load, prefetch, store

PACK, MULTIPLY, SMALL, GRAD_WEIGHT, WHOLE, TAKE = 0, 1, 2, 3, 4, 5  # kinds of jobs
# where a job's arguments are: addresses, strides in numbers, sizes
KIND, X, ROW_STRIDE, COLUMN_STRIDE, PACKED, HIDDEN, Y, BATCH, LANES, ROWS, ACTIVATION, SPACE, SLOT, SIZE = range(14)
FIRST, SECOND = 14, 22  # the links, and those of a second layer that takes the outputs of the first
WEIGHT, INDEX, POINTER, BIAS, OUTPUTS, INPUTS, TILES, WIDE = range(8)  # within them; POINTER as in `Topology.tiles`
IDENTITY, RELU, GELU = 0, 1, 2
SUMS = 4096  # numbers that the outputs of one task have while they are summed, 16 kB: they are written out from the first cache
SCRATCH = SUMS * 8  # bytes of them, for float64
COLUMNS = 256  # inputs that one task packs
AHEAD = 1024  # links that are fetched ahead
TAKEN = 16_384  # numbers that one task gathers
VECTORS = (8, 16, 32, 64)  # examples of a block

row_8_u, row_16_u, row_32_u, row_64_u = (simd.row(v, "uint16") for v in VECTORS)
row_8_i, row_16_i, row_32_i, row_64_i = (simd.row(v, "int32") for v in VECTORS)
gather_u, gather_i = (simd.gather_dot(kind) for kind in ("uint16", "int32"))
dot_8, dot_16, dot_32, dot_64 = (simd.dot(v) for v in VECTORS)
turned, turned_with_bias = simd.transpose(False), simd.transpose(True)
relu_8, relu_16, relu_32, relu_64 = (simd.biased(v, "relu") for v in VECTORS)
gelu_8, gelu_16, gelu_32, gelu_64 = (simd.biased(v, "gelu") for v in VECTORS)


@njit(nogil=True, cache=CACHE, inline="always")
def _row(lanes, wide, x, w, i, count, y, fresh, zero):  # type: ignore[no-untyped-def]
    """`simd.row` for lanes and an index type that are known when it runs; the branch costs less than one link."""
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
    """y[0:V] = activation(y[0:V] + bias), float32."""
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


@njit(nogil=True, cache=CACHE, inline="always")
def _parts(whole, part):  # type: ignore[no-untyped-def]
    return (whole + part - 1) // part


@njit(nogil=True, cache=CACHE, inline="always")
def _lanes_of(job, block):  # type: ignore[no-untyped-def]
    """Lanes of a block: those of the job, fewer in a last block that is filled by fewer examples."""
    left, lanes = job[BATCH] - block * job[LANES], 8
    while lanes < left and lanes < job[LANES]:
        lanes *= 2
    return lanes


@njit(nogil=True, cache=CACHE)
def _pack(job, task, size, zero):  # type: ignore[no-untyped-def]
    """COLUMNS of a block: x [B, D] with any strides -> [blocks, D, V], feature-major; the last block is filled up with zeros."""
    width = job[FIRST + INPUTS]
    chunks = _parts(width, COLUMNS)
    block, chunk = task // chunks, task % chunks
    target = job[PACKED] + size * block * width * job[LANES]
    _pack_columns(job, block, target, chunk * COLUMNS, min(width, (chunk + 1) * COLUMNS), size, zero)


@njit(nogil=True, cache=CACHE)
def _pack_columns(job, block, target, first, last, size, zero):  # type: ignore[no-untyped-def]
    """Columns first … last of a block, sixteen at a time: a cache line of every row."""
    row_stride, column_stride, lanes = job[ROW_STRIDE], job[COLUMN_STRIDE], _lanes_of(job, block)
    filled = min(lanes, job[BATCH] - block * job[LANES])
    source = job[X] + size * block * job[LANES] * row_stride
    if column_stride == 1:  # eight by eight as far as that goes
        whole, first_whole = filled // 8 * 8, first
        first += (last - first) // 8 * 8
        for column in range(first_whole, first, 8):
            for lane in range(0, whole, 8):
                line = source + size * (lane * row_stride + column)
                turned(line, size * row_stride, target + size * (column * lanes + lane), size * lanes, 0, zero)
        _pack_numbers(source, target, first_whole, first, whole, filled, lanes, row_stride, column_stride, size, zero)
    _pack_numbers(source, target, first, last, 0, filled, lanes, row_stride, column_stride, size, zero)


@njit(nogil=True, cache=CACHE)
def _pack_numbers(source, target, first, last, lane, filled, lanes, row_stride, column_stride, size, zero):  # type: ignore[no-untyped-def]
    """Columns first … last of the examples from `lane` on, sixteen columns at a time: a cache line of every row."""
    for start in range(first, last, 16):
        stop = min(last, start + 16)
        for example in range(lane, filled):
            line = source + size * example * row_stride
            for column in range(start, stop):
                store(target + size * (column * lanes + example), load(line + size * column * column_stride, zero), zero)
        for example in range(filled, lanes):
            for column in range(start, stop):
                store(target + size * (column * lanes + example), zero, zero)


@njit(nogil=True, cache=CACHE)
def _multiply(shared, job, task, scratch, size, zero):  # type: ignore[no-untyped-def]
    """First the inputs are packed, if they are not; then a layer is multiplied; then, if there is one, the second."""
    blocks, before = _parts(job[BATCH], job[LANES]), 0
    if job[X] != 0:
        before = blocks * _parts(job[FIRST + INPUTS], COLUMNS)
        if task < before:
            _pack(job, task, size, zero)
            return
        _await(shared, before)
    layer, source = FIRST, job[PACKED]
    chunks = _parts(job[FIRST + OUTPUTS], job[ROWS])
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
        chunks = _parts(job[SECOND + OUTPUTS], job[ROWS])
    block, first = (task - before) // chunks, (task - before) % chunks * job[ROWS]
    _to_y(job, layer, source + size * block * job[layer + INPUTS] * job[LANES], block, first, scratch, size, zero)


@njit(nogil=True, cache=CACHE, inline="always")
def _await(shared, tasks):  # type: ignore[no-untyped-def]
    """Wait until so many tasks are done. They are the first ones: a later task is done only after it has waited for them."""
    while atomic_load(shared + 8 * DONE) < tasks:
        pass


@njit(nogil=True, cache=CACHE)
def _whole(job, block, scratch, size, zero):  # type: ignore[no-untyped-def]
    """One block of the batch, packed and multiplied by all outputs while it is in the cache: what many blocks are worked off by."""
    packed = scratch + SCRATCH
    width, outputs, layer = job[FIRST + INPUTS], job[FIRST + OUTPUTS], FIRST
    _pack_columns(job, block, packed, 0, width, size, zero)
    if job[SECOND + OUTPUTS] != 0:
        hidden = packed + size * width * job[LANES]
        for first in range(0, outputs, job[ROWS]):
            _to_hidden(job, packed, hidden, block, first, size, zero)
        layer, packed, outputs = SECOND, hidden, job[SECOND + OUTPUTS]
    for first in range(0, outputs, job[ROWS]):
        _to_y(job, layer, packed, block, first, scratch, size, zero)


@njit(nogil=True, cache=CACHE)
def _to_hidden(job, source, hidden, block, first, size, zero):  # type: ignore[no-untyped-def]
    """ROWS outputs of the first layer, activated, feature-major as the second takes them."""
    lanes, last = _lanes_of(job, block), min(job[FIRST + OUTPUTS], first + job[ROWS])
    _links(job, FIRST, source, first, last, lanes, hidden + size * first * lanes, size, zero)
    for n in range(first, last):
        bias = zero
        if job[FIRST + BIAS] != 0:
            bias = load(job[FIRST + BIAS] + size * n, zero)
        _activate(job[ACTIVATION], lanes, hidden + size * n * lanes, bias)


@njit(nogil=True, cache=CACHE)
def _to_y(job, layer, source, block, first, scratch, size, zero):  # type: ignore[no-untyped-def]
    """ROWS outputs of a layer, with their bias, in ordinary layout."""
    outputs, lanes, bias = job[layer + OUTPUTS], _lanes_of(job, block), job[layer + BIAS]
    last = min(outputs, first + job[ROWS])
    _links(job, layer, source, first, last, lanes, scratch, size, zero)
    filled, whole = min(lanes, job[BATCH] - block * job[LANES]), (last - first) // 8 * 8
    stride = size * outputs
    for lane in range(0, filled // 8 * 8, 8):
        target = job[Y] + size * ((block * job[LANES] + lane) * outputs + first)
        for n in range(0, whole, 8):
            here = scratch + size * (n * lanes + lane)
            if bias == 0:
                turned(here, size * lanes, target + size * n, stride, 0, zero)
            else:
                turned_with_bias(here, size * lanes, target + size * n, stride, bias + size * (first + n), zero)
    for lane in range(filled):
        target = job[Y] + size * ((block * job[LANES] + lane) * outputs + first)
        for n in range(whole if lane < filled // 8 * 8 else 0, last - first):
            value = load(scratch + size * (n * lanes + lane), zero)
            if bias != 0:
                value += load(bias + size * (first + n), zero)
            store(target + size * n, value, zero)


@njit(nogil=True, cache=CACHE)
def _links(job, layer, source, first, last, lanes, target, size, zero):  # type: ignore[no-untyped-def]
    """Sums of outputs first … last of a packed block, feature-major, tile by tile of the input."""
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
            if count > 0 and load(w + size * begin, zero) == zero:  # an ablated neuron has no work
                whole = load(row, np.int64(0))
                if _all_zero(w + size * whole, load(row + 8 * tiles, np.int64(0)) - whole, size, zero):
                    count = 0
            into = target + size * (n - first) * lanes
            _row(lanes, wide, source, w + size * begin, index + index_size * begin, count, into, np.int64(tile == 0), zero)


@njit(nogil=True, cache=CACHE, inline="always")
def _fetch(weights, links, count, size, index_size):  # type: ignore[no-untyped-def]
    """Have later weights and indices on their way: what the processor fetches by itself ends at every page of memory."""
    for place in range(0, size * count, 64):
        prefetch(weights + size * AHEAD + place)
    for place in range(0, index_size * count, 64):
        prefetch(links + index_size * AHEAD + place)


@njit(nogil=True, cache=CACHE)
def _all_zero(weights, count, size, zero):  # type: ignore[no-untyped-def]
    """Whether so many weights are zero. Asked only where the first is: most outputs answer by it."""
    for link in range(count):  # noqa: SIM110 - numba compiles no generators
        if load(weights + size * link, zero) != zero:
            return False
    return True


@njit(nogil=True, cache=CACHE)
def _small(job, task, size, zero):  # type: ignore[no-untyped-def]
    """Few examples: every output gathers its inputs from x itself."""
    outputs, wide, bias, pointer = job[FIRST + OUTPUTS], job[FIRST + WIDE], job[FIRST + BIAS], job[FIRST + POINTER]
    tiles = job[FIRST + TILES]
    for n in range(task * job[ROWS], min(outputs, (task + 1) * job[ROWS])):
        row = pointer + 8 * n * (tiles + 1)
        begin = load(row, np.int64(0))
        count = load(row + 8 * tiles, np.int64(0)) - begin
        weights, links = job[FIRST + WEIGHT] + size * begin, job[FIRST + INDEX] + (4 if wide else 2) * begin
        if count > 0 and load(weights, zero) == zero and _all_zero(weights, count, size, zero):
            count = 0
        _fetch(weights, links, count, size, 4 if wide else 2)
        for b in range(job[BATCH]):
            source = job[X] + size * b * job[ROW_STRIDE]
            total = gather_i(source, weights, links, count, zero) if wide else gather_u(source, weights, links, count, zero)
            if bias != 0:
                total += load(bias + size * n, zero)
            store(job[Y] + size * (b * outputs + n), total, zero)


@njit(nogil=True, cache=CACHE)
def _take(job, task, size, zero):  # type: ignore[no-untyped-def]
    """out[i] = weight[index[i]], index int64."""
    for i in range(task * TAKEN, min(job[FIRST + OUTPUTS], (task + 1) * TAKEN)):
        place = load(job[FIRST + INDEX] + 8 * i, np.int64(0))
        store(job[Y] + size * i, load(job[FIRST + WEIGHT] + size * place, zero), zero)


@njit(nogil=True, cache=CACHE)
def _grad_weight(job, task, size, zero):  # type: ignore[no-untyped-def]
    """dW[n, k] = sum over blocks of the inner products of the gradient's row n with the input's row index[n, k]."""
    index, out, outputs, wide = job[FIRST + INDEX], job[Y], job[FIRST + OUTPUTS], job[FIRST + WIDE]
    width, fan_in = job[FIRST + INPUTS], job[FIRST + TILES]
    for n in range(task * job[ROWS], min(outputs, (task + 1) * job[ROWS])):
        for block in range(_parts(job[BATCH], job[LANES])):
            lanes = _lanes_of(job, block)
            left = job[HIDDEN] + size * (block * outputs * job[LANES] + n * lanes)
            source = job[PACKED] + size * block * width * job[LANES]
            for k in range(fan_in):
                link = n * fan_in + k
                column = np.int64(load(index + 4 * link, np.int32(0)) if wide else load(index + 2 * link, np.uint16(0)))
                right = source + size * lanes * column
                value = _dot(lanes, left, right, zero)
                place = out + size * link
                store(place, value if block == 0 else load(place, zero) + value, zero)


@njit(nogil=True, cache=CACHE)
def run(shared, generation, zero):  # type: ignore[no-untyped-def]
    """Work off tasks of the job that lies in the shared memory until none is left; its numbers are of the type of `zero`."""
    job = np.empty(ARGUMENTS, np.int64)
    scratch = 0
    task = take(shared, generation)
    while task >= 0:
        if scratch == 0:  # whoever has a task has a place in the working memory of the job
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
        _pack(job, task, size, zero)
    elif kind == TAKE:
        _take(job, task, size, zero)
    else:
        _grad_weight(job, task, size, zero)


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
        if load(shared + 8 * (JOB + SIZE), np.int64(0)) == 8:
            run(shared, generation, np.float64(0))
        else:
            run(shared, generation, np.float32(0))
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
def submit(shared, tasks, zero):  # type: ignore[no-untyped-def]
    """The caller: publish a job, take part, and wait for tasks that others have begun."""
    run(shared, publish(shared, tasks), zero)
    while atomic_load(shared + 8 * DONE) < tasks:
        pass


@cache
def member(size: int) -> int:
    """Address of a C function (shared): take part in the newest job, of numbers of so many bytes."""
    with announced():
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
