"""Layout of a job in shared memory: the kind, addresses, strides and sizes that the compiled CPU kernels read."""

from __future__ import annotations

from numba import njit

from labkit.kernels.compiled import CACHE

# kinds of jobs
PACK, MULTIPLY, SMALL, GRAD_WEIGHT, WHOLE, TAKE = 0, 1, 2, 3, 4, 5
# positions of a job's arguments: addresses, strides (in elements) and sizes
KIND, X, ROW_STRIDE, COLUMN_STRIDE, PACKED, HIDDEN, Y, BATCH, LANES, ROWS, ACTIVATION, SPACE, SLOT, SIZE = range(14)
FIRST, SECOND = 14, 22  # offsets of the two layers' arguments; the second layer is optional
WEIGHT, INDEX, POINTER, BIAS, OUTPUTS, INPUTS, TILES, WIDE = range(8)  # positions within a layer; POINTER as in `Topology.tiles`
IDENTITY, RELU, GELU = 0, 1, 2
SUMS = 4096  # accumulators of one task (16 kB in float32), so that they stay in the first-level cache
SCRATCH = SUMS * 8  # their size in bytes for float64
COLUMNS = 256  # inputs packed by one task
AHEAD = 1024  # prefetch distance, in nonzeros
TAKEN = 16_384  # values gathered by one task
VECTORS = (8, 16, 32, 64)  # possible block sizes, in examples


@njit(nogil=True, cache=CACHE, inline="always")
def parts(whole, part):  # type: ignore[no-untyped-def]
    """Round ``whole / part`` up."""
    return (whole + part - 1) // part


@njit(nogil=True, cache=CACHE, inline="always")
def lanes_of(job, block):  # type: ignore[no-untyped-def]
    """Return the lanes of a block: those of the job, or fewer for a last block with fewer examples."""
    left, lanes = job[BATCH] - block * job[LANES], 8
    while lanes < left and lanes < job[LANES]:
        lanes *= 2
    return lanes
