"""Singular value decompositions: exact ones in a cache, as sliders need them at many ranks; the leading part of large matrices."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import torch
from torch import Tensor

LIMIT = 128 * 2**20  # bytes of cached factors
LARGE = 1024  # smaller side from which few singular vectors are found without the others
FEW = 4  # "few" is up to this part of the smaller side
POWERS = 4  # at a flat spectrum, the worst case, the error is then within 1 % of the least

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


def leading_svd(weight: Tensor, rank: int) -> Factors:
    """Return the leading singular values and vectors of a weight.

    Of a matrix with both sides from 1,024 up, and a rank up to a quarter of the smaller one, they come from a randomised range
    finder with power iterations, several times faster than `svd`: the Frobenius error of the product is within 1 % of the least.
    Its random numbers are its own: the same weight gives the same result, and no random state changes.

    Parameters
    ----------
    weight : Tensor [N, D]
    rank : int
        1 … min(N, D).

    Returns
    -------
    u : Tensor [N, rank]
    s : Tensor [rank]
        Descending.
    v : Tensor [rank, D]

    References
    ----------
    Halko, Martinsson & Tropp, Finding structure with randomness, SIAM Review 2011, algorithms 4.4 and 5.1.
    """
    if min(weight.shape) < LARGE or FEW * rank > min(weight.shape):
        u, s, v = svd(weight)
        return u[:, :rank], s[:rank], v[:rank]
    if weight.shape[0] > weight.shape[1]:
        u, s, v = leading_svd(weight.t(), rank)
        return v.t(), s, u.t()
    matrix = weight.detach()
    matrix = matrix if matrix.dtype == torch.float64 else matrix.float()
    size = matrix.abs().max().clamp(min=torch.finfo(matrix.dtype).tiny)
    return _randomised(matrix / size, rank, size)


def _randomised(matrix: Tensor, rank: int, size: Tensor) -> Factors:
    """The leading part of size * matrix, whose first side is the smaller one."""
    width = min(rank + rank // 4 + 10, len(matrix))
    start = torch.randn(matrix.shape[1], width, generator=torch.Generator().manual_seed(0), dtype=matrix.dtype)
    basis = torch.linalg.qr(matrix @ start.to(matrix.device)).Q
    for _ in range(POWERS):
        basis = torch.linalg.qr(matrix @ (matrix.t() @ basis)).Q
    inside = (basis.t() @ matrix).double()
    turn = torch.linalg.eigh(inside @ inside.t()).eigenvectors.flip(1)[:, :rank]
    v = turn.t() @ inside
    s = v.norm(dim=1)
    # rows of a matrix of lower rank stay zero
    return basis.double() @ turn, s * size.double(), v / s.clamp(min=torch.finfo(s.dtype).tiny)[:, None]
