"""Expansion of packed values to a dense matrix by a bit pattern, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numba import njit
from torch import Tensor

from labkit.kernels.compiled import CACHE, notice_while_compiling

# element size -> integer type of that size: copying integers preserves every bit pattern, including NaN payloads
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def expand_bits(values: Tensor, pattern: Tensor, width: int) -> Tensor:
    """Write packed values to the positions that a bit pattern marks.

    The compiled loop has no branch, since whether the next bit is set is unpredictable: it masks the value's bits instead.

    Parameters
    ----------
    values : Tensor [nonzeros]
        Nonzero values, row by row; elements of 2, 4 or 8 bytes.
    pattern : uint8 Tensor [N, ceil(width / 8)]
        One bit per position, the first position in the lowest bit.
    width : int
        Columns of the result.

    Returns
    -------
    Tensor [N, width]
        Dense matrix of the dtype of `values`.
    """
    out = torch.empty(len(pattern), width, dtype=values.dtype)
    if not values.numel():
        return out.zero_()
    integer = INTEGERS[values.element_size()]
    _compiled(integer)(values.detach().view(integer).numpy(), pattern.contiguous().numpy(), out.view(integer).numpy())
    return out


@cache
def _compiled(integer: torch.dtype) -> Callable[..., None]:
    """Compile the loop for one integer type by a first call."""
    one = torch.ones(1, dtype=integer).numpy()
    with notice_while_compiling():
        _expand(one, np.ones((1, 1), np.uint8), one.reshape(1, 1).copy())
    return _expand


@njit(nogil=True, cache=CACHE)
def _expand(values, pattern, out):  # type: ignore[no-untyped-def]
    rows, width = out.shape
    last, k = len(values) - 1, 0
    for i in range(rows):
        for b in range(pattern.shape[1]):
            bits: int = np.int64(pattern[i, b])  # type: ignore[assignment]  # signed: for a uint8, -bit would be 255
            for j in range(8 * b, min(8 * b + 8, width)):
                bit = bits & 1
                out[i, j] = values[min(k, last)] & -bit
                k += bit
                bits >>= 1
