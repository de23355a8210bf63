"""Singular value decompositions that a slider asks for again and again, of the same weights at other ranks."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import torch
from torch import Tensor

LIMIT = 128 * 2**20  # bytes of factors that are kept

Factors = tuple[Tensor, Tensor, Tensor]
_kept: OrderedDict[tuple, Factors] = OrderedDict()
_lock = threading.Lock()


def svd(weight: Tensor) -> Factors:
    """Return u [N, m], s [m], v [m, D] in float64, m = min(N, D); kept by the weight's content, the oldest give way.

    Do not write to what it returns.
    """
    plain = weight.detach().double().contiguous()
    content = hashlib.blake2b(plain.cpu().numpy().data, digest_size=16).digest()
    key = (content, tuple(plain.shape), str(plain.device))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    factors = tuple(torch.linalg.svd(plain, full_matrices=False))
    with _lock:
        _kept[key] = factors
        while len(_kept) > 1 and sum(part.nbytes for kept in _kept.values() for part in kept) > LIMIT:
            _kept.popitem(last=False)
    return factors
