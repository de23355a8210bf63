"""Triton kernels of the fixed fan-in layer for CUDA and ROCm: forward and both gradients, without atomics.

The operation is ``y[b, n] = bias[n] + sum_k weight[n, k] * x[b, index[n, k]]`` with x [B, D], weight [N, K], index [N, K] and
bias [N]; an index that stands twice in a row adds up. float32, float16 and bfloat16 are summed in float32, float64 in float64; a
result has the type of x.

NaN and infinity reach an output only along links that exist: a dense matrix turns an infinite input into NaN in *every* output,
because of 0 * inf at the absent links, these kernels only in outputs linked to it. On a link that exists they behave as in a
dense product; a stored weight of 0 makes NaN of infinity.

An index outside 0 … D - 1 reads foreign memory on a GPU. It is not checked here, because the check would wait for the device in
every call; build indices with a constructor that checks.

Every sum runs in one fixed order, so a call repeats bit for bit as long as the configuration chosen by the autotuner stays, that
is within one process.

Without Triton (macOS, Windows) the module still imports, `available` is False and every kernel raises RuntimeError. With
``TRITON_INTERPRET=1`` in the environment before Triton is first imported, everything runs on the CPU, slowly, for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

# import_module: Triton ships no types, and a type checker may run where it is not installed
triton: Any
tl: Any
try:
    triton = import_module("triton")
    tl = import_module("triton.language")
except ImportError:
    triton = tl = None

# Triton resolves a kernel's annotations, but only to names of its own
if TYPE_CHECKING:
    constexpr: TypeAlias = Any
    tensor: TypeAlias = Any
elif triton is not None:
    constexpr, tensor = tl.constexpr, tl.tensor

__all__ = ["available", "forward", "grad_input", "grad_weight", "inverse_of"]

# Up to here a batch is read in place. Transposing it would be one more pass over x, for rows of xT that fill at most half of the 32
# bytes a GPU fetches at once (float32). Reasoned, not measured: no GPU was at hand.
SMALL_BATCH = 4

_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INDICES = (torch.uint16, torch.int32, torch.int64)


def _interpreted() -> bool:
    """Whether Triton was imported under TRITON_INTERPRET=1: its own library is then interpreted too, as it has to be."""
    return triton is not None and type(tl.zeros).__name__ == "InterpretedFunction"


def _kernel(configs: Iterable[tuple[dict[str, int], int]], key: list[str]) -> Callable[[Callable], Any]:
    """Compile and autotune a function over (block sizes, warps); leave it alone where there is no Triton.

    The interpreter gets one configuration, as measuring there would take minutes and mean nothing.
    """

    def decorate(function: Callable) -> Any:
        if triton is None:
            return function
        options = [triton.Config(blocks, num_warps=warps) for blocks, warps in configs]
        return triton.autotune(options[:1] if _interpreted() else options, key=key)(triton.jit(function))

    return decorate


# ---- kernels ---------------------------------------------------------------------------------------------
#
# All grids have one axis, since the others end at 65,535. Offsets are int64: B * D passes 2^31 in ordinary use. BATCH is B rounded
# up to a power of two; tuning by it instead of B spares a new measurement for the last, shorter batch of an epoch.


@_kernel([({"BLOCK": 32}, 4)], key=[])
def _transpose(
    source: tensor, target: tensor, rows: tensor, columns: tensor, row_stride: tensor, column_stride: tensor, BLOCK: constexpr
) -> None:
    """Copy source [rows, columns], of any strides, to target [columns, rows], contiguous."""
    blocks = tl.cdiv(columns, BLOCK)
    row = (tl.program_id(0) // blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    column = (tl.program_id(0) % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = (row < rows)[:, None] & (column < columns)[None, :]
    tile = tl.load(source + row[:, None] * row_stride + column[None, :] * column_stride, mask=inside)
    tl.store(target + column[None, :] * rows + row[:, None], tile, mask=inside)


@_kernel(
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
def _forward_wide(
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
    """Each program: BLOCK_N outputs of BLOCK_B samples; one index serves BLOCK_B neighbouring values of xt [D, B]."""
    # neighbouring programs share samples, so that the rows of xt they gather from stay in the cache
    blocks = tl.cdiv(N, BLOCK_N)
    n = (tl.program_id(0) % blocks).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    b = (tl.program_id(0) // blocks).to(tl.int64) * BLOCK_B + tl.arange(0, BLOCK_B)
    inside = (n < N)[:, None] & (b < B)[None, :]
    total = tl.zeros((BLOCK_N, BLOCK_B), SUM)
    # a gather waits for its index; four links in flight hide part of the wait
    for k in tl.range(0, K, loop_unroll_factor=4):
        column = tl.load(index + n * K + k, mask=n < N, other=0).to(tl.int64)
        w = tl.load(weight + n * K + k, mask=n < N, other=0).to(SUM)
        value = tl.load(xt + column[:, None] * B + b[None, :], mask=inside, other=0).to(SUM)
        total += w[:, None] * value
    if bias is not None:
        total += tl.load(bias + n, mask=n < N, other=0).to(SUM)[:, None]
    tl.store(y + b[None, :] * N + n[:, None], total.to(y.dtype.element_ty), mask=inside)


@_kernel(
    [
        ({"BLOCK_N": 8, "BLOCK_K": 64}, 4),
        ({"BLOCK_N": 4, "BLOCK_K": 128}, 4),
        ({"BLOCK_N": 16, "BLOCK_K": 32}, 4),
        ({"BLOCK_N": 64, "BLOCK_K": 8}, 4),
    ],
    key=["N", "K", "BATCH"],
)
def _forward_narrow(
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
    """Each program: BLOCK_N outputs of the whole small batch; weights and indices, most of the traffic, are read once."""
    n = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    b = tl.arange(0, BATCH).to(tl.int64)
    total = tl.zeros((BATCH, BLOCK_N, BLOCK_K), SUM)
    for start in tl.range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        linked = (n < N)[:, None] & (k < K)[None, :]
        column = tl.load(index + n[:, None] * K + k[None, :], mask=linked, other=0).to(tl.int64)
        w = tl.load(weight + n[:, None] * K + k[None, :], mask=linked, other=0).to(SUM)
        # masked values are 0, not column 0 of x: 0 * inf would be NaN
        value = tl.load(
            x + b[:, None, None] * sample_stride + column[None, :, :] * feature_stride,
            mask=(b < B)[:, None, None] & linked[None, :, :],
            other=0,
        ).to(SUM)
        total += w[None, :, :] * value
    row = tl.sum(total, axis=2)
    if bias is not None:
        row += tl.load(bias + n, mask=n < N, other=0).to(SUM)[None, :]
    tl.store(y + b[:, None] * N + n[None, :], row.to(y.dtype.element_ty), mask=(b < B)[:, None] & (n < N)[None, :])


@_kernel(
    [
        ({"BLOCK_K": 16, "BLOCK_B": 64}, 4),
        ({"BLOCK_K": 32, "BLOCK_B": 32}, 4),
        ({"BLOCK_K": 8, "BLOCK_B": 128}, 4),
        ({"BLOCK_K": 2, "BLOCK_B": 512}, 4),
        ({"BLOCK_K": 128, "BLOCK_B": 4}, 4),
    ],
    key=["N", "K", "BATCH"],
)
def _grad_weight(
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
    """Each program: BLOCK_K links of one output over all samples, whose gradients it reads once for all of them."""
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


@_kernel(
    [
        ({"BLOCK_L": 16, "BLOCK_B": 64}, 4),
        ({"BLOCK_L": 32, "BLOCK_B": 32}, 4),
        ({"BLOCK_L": 8, "BLOCK_B": 128}, 4),
        ({"BLOCK_L": 2, "BLOCK_B": 512}, 4),
        ({"BLOCK_L": 128, "BLOCK_B": 4}, 4),
    ],
    key=["D", "K", "BATCH"],
)
def _grad_input(
    grad_y: tensor,
    weight: tensor,
    column_ptr: tensor,
    link: tensor,
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
    """Each program: one input column of BLOCK_B samples, over the links that lead from it.

    One column, not a block of them: columns differ in their links (a pixel at the border has none), and a block would run as long
    as its longest.
    """
    d = (tl.program_id(0) % D).to(tl.int64)
    b = (tl.program_id(0) // D).to(tl.int64) * BLOCK_B + tl.arange(0, BLOCK_B)
    end = tl.load(column_ptr + d + 1)
    total = tl.zeros((BLOCK_L, BLOCK_B), SUM)
    for start in tl.range(tl.load(column_ptr + d), end, BLOCK_L):
        place = start + tl.arange(0, BLOCK_L)
        at = tl.load(link + place, mask=place < end, other=0).to(tl.int64)
        w = tl.load(weight + at, mask=place < end, other=0).to(SUM)
        inside = (place < end)[:, None] & (b < B)[None, :]
        upstream = tl.load(grad_y + (at // K)[:, None] * upstream_output + b[None, :] * upstream_sample, mask=inside, other=0)
        total += w[:, None] * upstream.to(SUM)
    tl.store(grad + d * grad_feature + b * grad_sample, tl.sum(total, axis=0).to(grad.dtype.element_ty), mask=b < B)


# ---- what callers use ------------------------------------------------------------------------------------


def available(device: torch.device | str) -> bool:
    """Tell whether the kernels run on `device`: a CUDA or ROCm GPU where Triton is installed, or any under TRITON_INTERPRET=1.

    Examples
    --------
    >>> available("meta")
    False
    """
    kind = torch.device(device).type
    if triton is None:
        return False
    if kind == "cpu":
        return _interpreted()
    # Triton compiles for compute capability 7.0 and above, torch also runs on older cards
    return kind == "cuda" and torch.cuda.is_available() and (_interpreted() or torch.cuda.get_device_capability(device)[0] >= 7)


def forward(x: Tensor, weight: Tensor, index: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute the layer's output.

    Parameters
    ----------
    x : float [B, D]
        Any strides; float32, float64, float16 or bfloat16.
    weight : float [N, K]
        Of the type of x.
    index : uint16, int32 or int64 [N, K]
        Columns of x, 0 … D - 1, in any order; not checked. The kernels read each of these types as it is.
    bias : float [N], optional
        Of the type of x.

    Returns
    -------
    float [B, N]
        Contiguous, of the type of x.

    Raises
    ------
    RuntimeError
        Where Triton does not run.
    ValueError
        For shapes, types or devices that do not fit together.
    """
    index = _links(x, index)
    _expect("weight", weight, x, tuple(index.shape))
    (B, _), (N, K) = x.shape, index.shape
    weight = weight.contiguous()
    if bias is not None:
        _expect("bias", bias, x, (N,))
        bias = bias.contiguous()
    y = x.new_empty((B, N))
    if y.numel() == 0:
        return y
    with _on(x):
        if B <= SMALL_BATCH:
            _forward_narrow[lambda meta: (_blocks(N, meta["BLOCK_N"]),)](
                x, weight, index, bias, y, B, N, K, x.stride(0), x.stride(1), BATCH=_power_of_two(B), SUM=_sum_type(x)
            )
        else:
            _forward_wide[lambda meta: (_blocks(N, meta["BLOCK_N"]) * _blocks(B, meta["BLOCK_B"]),)](
                _feature_major(x), weight, index, bias, y, B, N, K, BATCH=_power_of_two(B), SUM=_sum_type(x)
            )
    return y


def grad_weight(x: Tensor, grad_y: Tensor, index: Tensor) -> Tensor:
    """Compute the gradient of the weights, ``sum_b grad_y[b, n] * x[b, index[n, k]]``.

    An index that stands twice in a row gets the same gradient twice.

    Parameters
    ----------
    x : float [B, D]
        Any strides.
    grad_y : float [B, N]
        Any strides, also those of an expanded tensor; of the type of x.
    index : uint16, int32 or int64 [N, K]
        As in `forward`.

    Returns
    -------
    float [N, K]
        Zeros when B = 0.

    Raises
    ------
    RuntimeError, ValueError
        As in `forward`.
    """
    index = _links(x, index)
    (B, _), (N, K) = x.shape, index.shape
    _expect("grad_y", grad_y, x, (B, N))
    grad = x.new_empty((N, K))
    if grad.numel() == 0 or B == 0:
        return grad.zero_()
    with _on(x):
        if B > SMALL_BATCH:
            # seen again as [B, D] and [B, N], with the samples of one feature side by side
            x, grad_y = _feature_major(x).t(), _feature_major(grad_y).t()
        _grad_weight[lambda meta: (N * _blocks(K, meta["BLOCK_K"]),)](
            x, grad_y, index, grad, B, N, K, *x.stride(), *grad_y.stride(), BATCH=_power_of_two(B), SUM=_sum_type(x)
        )
    return grad


def grad_input(grad_y: Tensor, weight: Tensor, inverse: tuple[Tensor, Tensor]) -> Tensor:
    """Compute the gradient of the input by gathering along each column's links, so that nothing is added atomically.

    Parameters
    ----------
    grad_y : float [B, N]
        Any strides, also those of an expanded tensor.
    weight : float [N, K]
        Of the type of grad_y.
    inverse : (column_ptr, link)
        Links by input column, as `inverse_of` gives them: column d has ``link[column_ptr[d] : column_ptr[d + 1]]``, each a position
        n * K + k in the weights. column_ptr [D + 1] and link [N * K], int32 or int64; the values are not checked.

    Returns
    -------
    float [B, D]
        Contiguous; zeros in columns without links.

    Raises
    ------
    RuntimeError, ValueError
        As in `forward`.
    """
    column_ptr, link = inverse
    if weight.ndim != 2 or grad_y.ndim != 2:
        raise ValueError(f"grad_y [B, N] and weight [N, K] must have two axes, got {list(grad_y.shape)} and {list(weight.shape)}")
    _ready(grad_y, "grad_y")
    B, (N, K) = grad_y.shape[0], weight.shape
    _expect("grad_y", grad_y, weight, (B, N))
    for name, part in (("column_ptr", column_ptr), ("link", link)):
        if part.dtype not in (torch.int32, torch.int64) or part.device != grad_y.device or part.ndim != 1:
            raise ValueError(
                f"{name} must be an int32 or int64 vector on {grad_y.device}, got {part.dtype} {list(part.shape)} on "
                f"{part.device}; build it with inverse_of"
            )
    if len(link) != N * K or len(column_ptr) == 0:
        raise ValueError(
            f"inverse must hold the {N * K} links of weight {[N, K]}, got {len(link)}; build it with inverse_of(index, D)"
        )
    D = len(column_ptr) - 1
    grad = grad_y.new_empty((B, D))
    if grad.numel() == 0 or N * K == 0:
        return grad.zero_()
    column_ptr, link, weight = column_ptr.contiguous(), link.contiguous(), weight.contiguous()
    with _on(grad_y):
        wide = B > SMALL_BATCH
        # a column of [B, D] written in place would touch as many lines of memory as it has samples
        target = grad_y.new_empty((D, B)).t() if wide else grad
        upstream = _feature_major(grad_y).t() if wide else grad_y
        _grad_input[lambda meta: (D * _blocks(B, meta["BLOCK_B"]),)](
            upstream,
            weight,
            column_ptr,
            link,
            target,
            B,
            D,
            K,
            *upstream.stride(),
            *target.stride(),
            BATCH=_power_of_two(B),
            SUM=_sum_type(grad_y),
        )
        return _feature_major(target.t()) if wide else grad


def inverse_of(index: Tensor, in_features: int) -> tuple[Tensor, Tensor]:
    """Sort the links of `index` by the input column they lead from (compressed sparse columns).

    Parameters
    ----------
    index : uint16, int32 or int64 [N, K]
        Columns, 0 … in_features - 1.
    in_features : int
        D, the columns of the input.

    Returns
    -------
    column_ptr [D + 1], link [N * K]
        Column d has the positions ``link[column_ptr[d] : column_ptr[d + 1]]``, ascending; int32, or int64 from 2^31 links on.

    Raises
    ------
    ValueError
        When an index is not below in_features.

    Examples
    --------
    >>> [part.tolist() for part in inverse_of(torch.tensor([[2, 0], [2, 2]]), 4)]
    [[0, 1, 1, 4, 4], [1, 0, 2, 3]]
    """
    flat = index.reshape(-1).to(torch.int64)  # torch neither sorts nor counts uint16
    if flat.numel() and not 0 <= int(flat.min()) <= int(flat.max()) < in_features:
        raise ValueError(f"indices must lie in 0 … {in_features - 1}, got {int(flat.min())} … {int(flat.max())}; check in_features")
    kind = torch.int32 if flat.numel() < 2**31 else torch.int64
    column_ptr = torch.zeros(in_features + 1, dtype=kind, device=index.device)
    column_ptr[1:] = torch.bincount(flat, minlength=in_features).cumsum(0)
    return column_ptr, torch.argsort(flat, stable=True).to(kind)


# ---- around a launch -------------------------------------------------------------------------------------


def _feature_major(x: Tensor) -> Tensor:
    """Copy x [B, D] to contiguous [D, B], or return a view when it lies in memory that way already.

    A kernel of ours instead of ``x.t().contiguous()``: torch copies element by element and is coalesced on one side only, while a
    tile goes through shared memory and is on both; it also takes any strides, so that a sliced or expanded x needs no copy first.
    """
    if x.t().is_contiguous():
        return x.t()
    target = x.new_empty((x.shape[1], x.shape[0]))
    rows, columns = x.shape
    _transpose[lambda meta: (_blocks(rows, meta["BLOCK"]) * _blocks(columns, meta["BLOCK"]),)](
        x, target, rows, columns, *x.stride()
    )
    return target


def _links(x: Tensor, index: Tensor) -> Tensor:
    """Check x and index and return a contiguous index."""
    if x.ndim != 2 or index.ndim != 2:
        raise ValueError(
            f"x [B, D] and index [N, K] must have two axes, got {list(x.shape)} and {list(index.shape)}; flatten leading axes of x"
        )
    _ready(x)
    if index.dtype not in _INDICES:
        raise ValueError(f"index must be uint16, int32 or int64, got {index.dtype}; convert it with index.to(torch.int32)")
    if index.device != x.device:
        raise ValueError(f"index is on {index.device} but x on {x.device}; move one of them with .to(device)")
    if x.shape[1] == 0 and index.numel():
        raise ValueError(f"x {list(x.shape)} has no columns for the {index.numel()} indices to read; give it at least one")
    return index.contiguous()


def _ready(x: Tensor, name: str = "x") -> None:
    """Raise one sentence when Triton is missing or cannot run on the device or type of x."""
    if triton is None:
        raise RuntimeError(
            "Triton is not installed, so its kernels cannot run; use another backend or, on Linux with a GPU, pip install triton"
        )
    if not available(x.device):
        raise RuntimeError(
            f"Triton kernels do not run on {x.device}; use another backend, move to a CUDA device, or set TRITON_INTERPRET=1 "
            "before Triton is imported to run them slowly on the CPU"
        )
    if x.dtype not in _FLOATS:
        raise ValueError(f"{name} must be float32, float64, float16 or bfloat16, got {x.dtype}; convert it with .to(torch.float32)")


def _expect(name: str, given: Tensor, like: Tensor, shape: tuple[int, ...]) -> None:
    """Raise one sentence unless `given` has this shape and the type and device of `like`."""
    if tuple(given.shape) != shape:
        raise ValueError(f"{name} must be {list(shape)}, got {list(given.shape)}; make the shapes agree")
    if given.dtype != like.dtype or given.device != like.device:
        raise ValueError(
            f"{name} must be {like.dtype} on {like.device} like the rest, got {given.dtype} on {given.device}; convert it"
        )


def _on(x: Tensor) -> AbstractContextManager[Any]:
    """Make the GPU of x the current one: Triton launches there, wherever the tensors are."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _sum_type(x: Tensor) -> Any:
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def _blocks(length: int, block: int) -> int:
    return -(-length // block)


def _power_of_two(length: int) -> int:
    return 1 << (length - 1).bit_length()
