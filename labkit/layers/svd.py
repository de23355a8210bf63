"""A cache of singular value decompositions, because a slider needs the same weights at many ranks."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import torch
from torch import Tensor

LIMIT = 128 * 2**20  # bytes of cached factors

Factors = tuple[Tensor, Tensor, Tensor]
_cache: OrderedDict[tuple, Factors] = OrderedDict()
_lock = threading.Lock()


def svd(weight: Tensor) -> Factors:
    """Compute the SVD of a weight in float64, or return it from a cache keyed by the content of the weight.

    Parameters
    ----------
    weight : Tensor [N, D]
        Matrix to decompose.

    Returns
    -------
    u : float64 Tensor [N, m]
        Left singular vectors, m = min(N, D). Cached tensors must not be written to.
    s : float64 Tensor [m]
        Singular values, descending.
    v : float64 Tensor [m, D]
        Right singular vectors.
    """
    plain = weight.detach().double().contiguous()
    content = hashlib.blake2b(plain.cpu().numpy().data, digest_size=16).digest()
    key = (content, tuple(plain.shape), str(plain.device))
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    factors = tuple(torch.linalg.svd(plain, full_matrices=False))
    with _lock:
        _cache[key] = factors
        while len(_cache) > 1 and sum(part.nbytes for cached in _cache.values() for part in cached) > LIMIT:
            _cache.popitem(last=False)
    return factors
