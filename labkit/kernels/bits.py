"""Spreading values out to the places that a bit pattern names, on the processor."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numba import njit
from torch import Tensor

from labkit.kernels.compiled import CACHE, announced

# bytes of a value -> whole numbers of that size: bits of any value pass unchanged, NaN among them
AS_WHOLE = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def spread(values: Tensor, pattern: Tensor, width: int) -> Tensor:
    """Return the matrix [N, width] whose nonzero places are the bits of uint8 [N, ceil(width / 8)], row by row the `values`.

    No branch, for whether a link comes next nobody can foretell: bits of a value are let through or not.
    """
    out = torch.empty(len(pattern), width, dtype=values.dtype)
    if not values.numel():
        return out.zero_()
    whole = AS_WHOLE[values.element_size()]
    _compiled(whole)(values.detach().view(whole).numpy(), pattern.contiguous().numpy(), out.view(whole).numpy())
    return out


@cache
def _compiled(whole: torch.dtype) -> Callable[..., None]:
    """The loop, compiled for whole numbers of one kind."""
    one = torch.ones(1, dtype=whole).numpy()
    with announced():
        _spread(one, np.ones((1, 1), np.uint8), one.reshape(1, 1).copy())
    return _spread


@njit(nogil=True, cache=CACHE)
def _spread(values, pattern, out):  # type: ignore[no-untyped-def]
    rows, width = out.shape
    last, k = len(values) - 1, 0
    for i in range(rows):
        for b in range(pattern.shape[1]):
            bits: int = np.int64(pattern[i, b])  # type: ignore[assignment]  # not the byte itself: -bit would be 255
            for j in range(8 * b, min(8 * b + 8, width)):
                bit = bits & 1
                out[i, j] = values[min(k, last)] & -bit
                k += bit
                bits >>= 1
