"""Launch the Triton kernels: checks, layouts and grids of the fixed fan-in operation and both gradients.

Without Triton (macOS, Windows) this module still imports, `available` is False and every operation raises RuntimeError.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from labkit.kernels.triton_kernels import (
    forward_narrow_kernel,
    forward_wide_kernel,
    grad_input_kernel,
    grad_weight_kernel,
    interpreted,
    tl,
    transpose_kernel,
    triton,
)

# Up to this batch size x is read in place. Transposing it would take another pass over x, for rows of xT that fill at most half of
# the 32 bytes that a GPU fetches at once (float32). Estimated, not measured on a GPU.
SMALL_BATCH = 4

_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INDICES = (torch.uint16, torch.int32, torch.int64)


def available(device: torch.device | str) -> bool:
    """Tell whether the kernels run on a device: a GPU if Triton is installed, or the CPU under TRITON_INTERPRET=1.

    Parameters
    ----------
    device : torch.device or str
        CUDA devices include ROCm.

    Returns
    -------
    bool
        True if `forward` and the gradients run there.

    Examples
    --------
    >>> available("meta")
    False
    """
    kind = torch.device(device).type
    if triton is None:
        return False
    if kind == "cpu":
        return interpreted()
    # Triton requires compute capability 7.0 or above; torch also runs on older GPUs
    return kind == "cuda" and torch.cuda.is_available() and (interpreted() or torch.cuda.get_device_capability(device)[0] >= 7)


def forward(x: Tensor, weight: Tensor, index: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute the output of a fixed fan-in layer.

    Parameters
    ----------
    x : float [B, D]
        Any strides; float32, float64, float16 or bfloat16.
    weight : float [N, K]
        In the dtype of x.
    index : uint16, int32 or int64 [N, K]
        Columns of x, 0 … D - 1, in any order; not validated. No dtype is converted.
    bias : float [N], optional
        In the dtype of x.

    Returns
    -------
    float [B, N]
        Contiguous, in the dtype of x.

    Raises
    ------
    RuntimeError
        If Triton is missing or does not run on the device.
    ValueError
        If shapes, dtypes or devices do not match.
    """
    index = _checked_index(x, index)
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
            forward_narrow_kernel[lambda meta: (_blocks(N, meta["BLOCK_N"]),)](
                x, weight, index, bias, y, B, N, K, x.stride(0), x.stride(1), BATCH=_power_of_two(B), SUM=_sum_type(x)
            )
        else:
            forward_wide_kernel[lambda meta: (_blocks(N, meta["BLOCK_N"]) * _blocks(B, meta["BLOCK_B"]),)](
                _feature_major(x), weight, index, bias, y, B, N, K, BATCH=_power_of_two(B), SUM=_sum_type(x)
            )
    return y


def grad_weight(x: Tensor, grad_y: Tensor, index: Tensor) -> Tensor:
    """Compute the gradient of the weights, ``sum_b grad_y[b, n] * x[b, index[n, k]]``.

    Duplicate indices of an output get the same gradient each.

    Parameters
    ----------
    x : float [B, D]
        Any strides.
    grad_y : float [B, N]
        Any strides, including those of an expanded tensor; in the dtype of x.
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
    index = _checked_index(x, index)
    (B, _), (N, K) = x.shape, index.shape
    _expect("grad_y", grad_y, x, (B, N))
    grad = x.new_empty((N, K))
    if grad.numel() == 0 or B == 0:
        return grad.zero_()
    with _on(x):
        if B > SMALL_BATCH:
            # views [B, D] and [B, N] of feature-major copies, with the samples of one feature adjacent
            x, grad_y = _feature_major(x).t(), _feature_major(grad_y).t()
        grad_weight_kernel[lambda meta: (N * _blocks(K, meta["BLOCK_K"]),)](
            x, grad_y, index, grad, B, N, K, *x.stride(), *grad_y.stride(), BATCH=_power_of_two(B), SUM=_sum_type(x)
        )
    return grad


def grad_input(grad_y: Tensor, weight: Tensor, inverse: tuple[Tensor, Tensor]) -> Tensor:
    """Compute the gradient of the input by gathering over the connections of each column, without atomic additions.

    Parameters
    ----------
    grad_y : float [B, N]
        Any strides, including those of an expanded tensor.
    weight : float [N, K]
        In the dtype of grad_y.
    inverse : tuple of (column_ptr, position)
        Connections by input column, as returned by `inverse_of`: column d has ``position[column_ptr[d] : column_ptr[d + 1]]``, each
        an offset n * K + k into the weights. column_ptr [D + 1] and position [N * K], int32 or int64; not validated.

    Returns
    -------
    float [B, D]
        Contiguous; zeros in columns without connections.

    Raises
    ------
    RuntimeError, ValueError
        As in `forward`.
    """
    column_ptr, position = inverse
    if weight.ndim != 2 or grad_y.ndim != 2:
        raise ValueError(f"grad_y [B, N] and weight [N, K] must have two axes, got {list(grad_y.shape)} and {list(weight.shape)}")
    _ready(grad_y, "grad_y")
    B, (N, K) = grad_y.shape[0], weight.shape
    _expect("grad_y", grad_y, weight, (B, N))
    for name, part in (("column_ptr", column_ptr), ("position", position)):
        if part.dtype not in (torch.int32, torch.int64) or part.device != grad_y.device or part.ndim != 1:
            raise ValueError(
                f"{name} must be an int32 or int64 vector on {grad_y.device}, got {part.dtype} {list(part.shape)} on "
                f"{part.device}; build it with inverse_of"
            )
    if len(position) != N * K or len(column_ptr) == 0:
        raise ValueError(
            f"inverse must hold the {N * K} positions of weight {[N, K]}, got {len(position)}; build it with inverse_of(index, D)"
        )
    D = len(column_ptr) - 1
    grad = grad_y.new_empty((B, D))
    if grad.numel() == 0 or N * K == 0:
        return grad.zero_()
    column_ptr, position, weight = column_ptr.contiguous(), position.contiguous(), weight.contiguous()
    with _on(grad_y):
        wide = B > SMALL_BATCH
        # writing a column of a row-major [B, D] would touch one cache line per sample
        target = grad_y.new_empty((D, B)).t() if wide else grad
        upstream = _feature_major(grad_y).t() if wide else grad_y
        grad_input_kernel[lambda meta: (D * _blocks(B, meta["BLOCK_B"]),)](
            upstream,
            weight,
            column_ptr,
            position,
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
    """Sort the connections of `index` by input column (compressed sparse columns).

    Parameters
    ----------
    index : uint16, int32 or int64 [N, K]
        Columns, 0 … in_features - 1.
    in_features : int
        Number of input columns, D.

    Returns
    -------
    column_ptr : Tensor [D + 1]
        Where the positions of each column begin and end.
    position : Tensor [N * K]
        Column d has the positions ``position[column_ptr[d] : column_ptr[d + 1]]``, ascending; int32, or int64 from 2^31 on.

    Raises
    ------
    ValueError
        If an index is negative or not below in_features.

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
    """Copy x [B, D] to contiguous [D, B], or return a view if it already has that layout.

    Unlike ``x.t().contiguous()``, which is coalesced on one side only, a tiled kernel goes through shared memory and is
    coalesced on both; it also takes any strides, so that a sliced or expanded x needs no copy first.
    """
    if x.t().is_contiguous():
        return x.t()
    target = x.new_empty((x.shape[1], x.shape[0]))
    rows, columns = x.shape
    transpose_kernel[lambda meta: (_blocks(rows, meta["BLOCK"]) * _blocks(columns, meta["BLOCK"]),)](
        x, target, rows, columns, *x.stride()
    )
    return target


def _checked_index(x: Tensor, index: Tensor) -> Tensor:
    """Validate x and index and return a contiguous index."""
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
        raise ValueError(f"x {list(x.shape)} has no columns, but there are {index.numel()} indices; give at least one column")
    return index.contiguous()


def _ready(x: Tensor, name: str = "x") -> None:
    """Raise RuntimeError if Triton cannot run on the device of x, ValueError if x has another dtype."""
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
    """Raise ValueError unless `given` has this shape and the dtype and device of `like`."""
    if tuple(given.shape) != shape:
        raise ValueError(f"{name} must be {list(shape)}, got {list(given.shape)}; make the shapes agree")
    if given.dtype != like.dtype or given.device != like.device:
        raise ValueError(
            f"{name} must be {like.dtype} on {like.device} like the other tensors, got {given.dtype} on {given.device}; convert it"
        )


def _on(x: Tensor) -> AbstractContextManager[Any]:
    """Make the GPU of x the current device, on which Triton launches regardless of where the tensors are."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _sum_type(x: Tensor) -> Any:
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def _blocks(length: int, block: int) -> int:
    return -(-length // block)


def _power_of_two(length: int) -> int:
    return 1 << (length - 1).bit_length()
