"""Triton kernels of the fixed fan-in layer for CUDA and ROCm: forward and both gradients, without atomics.

The operation is ``y[b, n] = bias[n] + sum_k weight[n, k] * x[b, index[n, k]]`` with x [B, D], weight [N, K], index [N, K] and
bias [N]; duplicate indices in a row add up. float32, float16 and bfloat16 are accumulated in float32, float64 in float64; results
have the dtype of x.

NaN and infinity reach an output only along existing connections. A dense product turns an infinite input into NaN in *every*
output, because of 0 * inf at the zeros; these kernels only in outputs connected to it. On an existing connection they behave as a
dense product: a stored weight of 0 times infinity is NaN.

An index outside 0 … D - 1 reads out of bounds on a GPU. It is not checked here, because the check would synchronise the device in
every call; `labkit.kernels.Topology` validates an index once.

Every sum runs in a fixed order, so results are bitwise reproducible within a process, as long as the autotuner's configuration
does not change.

`labkit.kernels.on_gpu` launches the kernels. Without Triton (macOS, Windows) this module still imports. With
``TRITON_INTERPRET=1`` in the environment before Triton is first imported, everything runs on the CPU, slowly, for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

# import_module, because Triton ships no type hints and a type checker may run where it is not installed
triton: Any
tl: Any
try:
    triton = import_module("triton")
    tl = import_module("triton.language")
except ImportError:
    triton = tl = None

# Triton resolves the annotations of a kernel, but only to its own types
if TYPE_CHECKING:
    constexpr: TypeAlias = Any
    tensor: TypeAlias = Any
elif triton is not None:
    constexpr, tensor = tl.constexpr, tl.tensor


def interpreted() -> bool:
    """Tell whether Triton was imported under TRITON_INTERPRET=1, in which case its own library is interpreted too."""
    return triton is not None and type(tl.zeros).__name__ == "InterpretedFunction"


def tuned(configs: Iterable[tuple[dict[str, int], int]], key: list[str]) -> Callable[[Callable], Any]:
    """Decorate a function to be compiled and autotuned over (block sizes, warps); return it unchanged without Triton.

    The interpreter gets one configuration, because timing it would take minutes and be meaningless.
    """

    def decorate(function: Callable) -> Any:
        if triton is None:
            return function
        options = [triton.Config(blocks, num_warps=warps) for blocks, warps in configs]
        return triton.autotune(options[:1] if interpreted() else options, key=key)(triton.jit(function))

    return decorate


# ---- kernels ---------------------------------------------------------------------------------------------
#
# All grids have one axis, since the others are limited to 65,535. Offsets are int64, because B * D exceeds 2^31 in ordinary use.
# BATCH is B rounded up to a power of two; tuning by it instead of B avoids retuning for the last, smaller batch of an epoch.


@tuned([({"BLOCK": 32}, 4)], key=[])
def transpose_kernel(
    source: tensor, target: tensor, rows: tensor, columns: tensor, row_stride: tensor, column_stride: tensor, BLOCK: constexpr
) -> None:
    """Copy source [rows, columns], of any strides, to target [columns, rows], contiguous."""
    blocks = tl.cdiv(columns, BLOCK)
    row = (tl.program_id(0) // blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    column = (tl.program_id(0) % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = (row < rows)[:, None] & (column < columns)[None, :]
    tile = tl.load(source + row[:, None] * row_stride + column[None, :] * column_stride, mask=inside)
    tl.store(target + column[None, :] * rows + row[:, None], tile, mask=inside)


@tuned(
    [
        ({"BLOCK_N": 32, "BLOCK_B": 64}, 4),
        ({"BLOCK_N": 16, "BLOCK_B": 64}, 4),
        ({"BLOCK_N": 16, "BLOCK_B": 128}, 4),
        ({"BLOCK_N": 8, "BLOCK_B": 256}, 4),
        ({"BLOCK_N": 64, "BLOCK_B": 32}, 4),
        ({"BLOCK_N": 32, "BLOCK_B": 128}, 8),
    ],
    key=["N", "K", "BATCH"],
)
def forward_wide_kernel(
    xt: tensor,
    weight: tensor,
    index: tensor,
    bias: tensor,
    y: tensor,
    B: tensor,
    N: tensor,
    K: tensor,
    BATCH: constexpr,
    SUM: constexpr,
    BLOCK_N: constexpr,
    BLOCK_B: constexpr,
) -> None:
    """Compute BLOCK_N outputs of BLOCK_B samples per program; one index serves BLOCK_B adjacent values of xt [D, B]."""
    # adjacent programs share samples, so that the rows of xt they gather from stay in the cache
    blocks = tl.cdiv(N, BLOCK_N)
    n = (tl.program_id(0) % blocks).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    b = (tl.program_id(0) // blocks).to(tl.int64) * BLOCK_B + tl.arange(0, BLOCK_B)
    inside = (n < N)[:, None] & (b < B)[None, :]
    total = tl.zeros((BLOCK_N, BLOCK_B), SUM)
    # a gather waits for its index; four iterations in flight hide part of the latency
    for k in tl.range(0, K, loop_unroll_factor=4):
        column = tl.load(index + n * K + k, mask=n < N, other=0).to(tl.int64)
        w = tl.load(weight + n * K + k, mask=n < N, other=0).to(SUM)
        value = tl.load(xt + column[:, None] * B + b[None, :], mask=inside, other=0).to(SUM)
        total += w[:, None] * value
    if bias is not None:
        total += tl.load(bias + n, mask=n < N, other=0).to(SUM)[:, None]
    tl.store(y + b[None, :] * N + n[:, None], total.to(y.dtype.element_ty), mask=inside)


@tuned(
    [
        ({"BLOCK_N": 8, "BLOCK_K": 64}, 4),
        ({"BLOCK_N": 4, "BLOCK_K": 128}, 4),
        ({"BLOCK_N": 16, "BLOCK_K": 32}, 4),
        ({"BLOCK_N": 64, "BLOCK_K": 8}, 4),
    ],
    key=["N", "K", "BATCH"],
)
def forward_narrow_kernel(
    x: tensor,
    weight: tensor,
    index: tensor,
    bias: tensor,
    y: tensor,
    B: tensor,
    N: tensor,
    K: tensor,
    sample_stride: tensor,
    feature_stride: tensor,
    BATCH: constexpr,
    SUM: constexpr,
    BLOCK_N: constexpr,
    BLOCK_K: constexpr,
) -> None:
    """Compute BLOCK_N outputs of the whole small batch per program; weights and indices, most of the traffic, are read once."""
    n = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    b = tl.arange(0, BATCH).to(tl.int64)
    total = tl.zeros((BATCH, BLOCK_N, BLOCK_K), SUM)
    for start in tl.range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        inside = (n < N)[:, None] & (k < K)[None, :]
        column = tl.load(index + n[:, None] * K + k[None, :], mask=inside, other=0).to(tl.int64)
        w = tl.load(weight + n[:, None] * K + k[None, :], mask=inside, other=0).to(SUM)
        # masked values are 0, not column 0 of x: 0 * inf would be NaN
        value = tl.load(
            x + b[:, None, None] * sample_stride + column[None, :, :] * feature_stride,
            mask=(b < B)[:, None, None] & inside[None, :, :],
            other=0,
        ).to(SUM)
        total += w[None, :, :] * value
    row = tl.sum(total, axis=2)
    if bias is not None:
        row += tl.load(bias + n, mask=n < N, other=0).to(SUM)[None, :]
    tl.store(y + b[:, None] * N + n[None, :], row.to(y.dtype.element_ty), mask=(b < B)[:, None] & (n < N)[None, :])


@tuned(
    [
        ({"BLOCK_K": 16, "BLOCK_B": 64}, 4),
        ({"BLOCK_K": 32, "BLOCK_B": 32}, 4),
        ({"BLOCK_K": 8, "BLOCK_B": 128}, 4),
        ({"BLOCK_K": 2, "BLOCK_B": 512}, 4),
        ({"BLOCK_K": 128, "BLOCK_B": 4}, 4),
    ],
    key=["N", "K", "BATCH"],
)
def grad_weight_kernel(
    x: tensor,
    grad_y: tensor,
    index: tensor,
    grad: tensor,
    B: tensor,
    N: tensor,
    K: tensor,
    x_sample: tensor,
    x_feature: tensor,
    grad_sample: tensor,
    grad_output: tensor,
    BATCH: constexpr,
    SUM: constexpr,
    BLOCK_K: constexpr,
    BLOCK_B: constexpr,
) -> None:
    """Compute the gradient of BLOCK_K weights of one output per program, reading its output gradients once for all of them."""
    blocks = tl.cdiv(K, BLOCK_K)
    n = (tl.program_id(0) // blocks).to(tl.int64)
    k = (tl.program_id(0) % blocks) * BLOCK_K + tl.arange(0, BLOCK_K)
    column = tl.load(index + n * K + k, mask=k < K, other=0).to(tl.int64)
    total = tl.zeros((BLOCK_K, BLOCK_B), SUM)
    for start in tl.range(0, B, BLOCK_B):
        b = (start + tl.arange(0, BLOCK_B)).to(tl.int64)
        upstream = tl.load(grad_y + n * grad_output + b * grad_sample, mask=b < B, other=0).to(SUM)
        inside = (k < K)[:, None] & (b < B)[None, :]
        value = tl.load(x + column[:, None] * x_feature + b[None, :] * x_sample, mask=inside, other=0).to(SUM)
        total += upstream[None, :] * value
    tl.store(grad + n * K + k, tl.sum(total, axis=1).to(grad.dtype.element_ty), mask=k < K)


@tuned(
    [
        ({"BLOCK_L": 16, "BLOCK_B": 64}, 4),
        ({"BLOCK_L": 32, "BLOCK_B": 32}, 4),
        ({"BLOCK_L": 8, "BLOCK_B": 128}, 4),
        ({"BLOCK_L": 2, "BLOCK_B": 512}, 4),
        ({"BLOCK_L": 128, "BLOCK_B": 4}, 4),
    ],
    key=["D", "K", "BATCH"],
)
def grad_input_kernel(
    grad_y: tensor,
    weight: tensor,
    column_ptr: tensor,
    position: tensor,
    grad: tensor,
    B: tensor,
    D: tensor,
    K: tensor,
    upstream_sample: tensor,
    upstream_output: tensor,
    grad_sample: tensor,
    grad_feature: tensor,
    BATCH: constexpr,
    SUM: constexpr,
    BLOCK_L: constexpr,
    BLOCK_B: constexpr,
) -> None:
    """Compute the gradient of one input column for BLOCK_B samples per program, over the connections of that column.

    One column rather than a block of them, because columns differ in their number of connections (a border pixel may have none)
    and a block would run as long as its longest column.
    """
    d = (tl.program_id(0) % D).to(tl.int64)
    b = (tl.program_id(0) // D).to(tl.int64) * BLOCK_B + tl.arange(0, BLOCK_B)
    end = tl.load(column_ptr + d + 1)
    total = tl.zeros((BLOCK_L, BLOCK_B), SUM)
    for start in tl.range(tl.load(column_ptr + d), end, BLOCK_L):
        k = start + tl.arange(0, BLOCK_L)
        at = tl.load(position + k, mask=k < end, other=0).to(tl.int64)
        w = tl.load(weight + at, mask=k < end, other=0).to(SUM)
        inside = (k < end)[:, None] & (b < B)[None, :]
        upstream = tl.load(grad_y + (at // K)[:, None] * upstream_output + b[None, :] * upstream_sample, mask=inside, other=0)
        total += w[:, None] * upstream.to(SUM)
    tl.store(grad + d * grad_feature + b * grad_sample, tl.sum(total, axis=0).to(grad.dtype.element_ty), mask=b < B)
