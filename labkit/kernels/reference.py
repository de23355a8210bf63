"""The operation in plain torch, in chunks: slow but simple; every backend is tested against it."""

from __future__ import annotations

import torch
from torch import Tensor

LIMIT = 64 * 2**20  # bytes of the largest temporary


def _rows(batch: int, fan_in: int, size: int) -> int:
    """Outputs per chunk, so that a [batch, rows, fan_in] tensor stays within the limit."""
    return max(1, LIMIT // max(1, batch * fan_in * size))


def _gathered(x: Tensor, index: Tensor, wide: torch.dtype) -> Tensor:
    """Gather x at every connection: [B, rows, K]."""
    return x[:, index.reshape(-1)].to(wide).view(x.shape[0], *index.shape)


def forward(x: Tensor, weight: Tensor, index: Tensor, bias: Tensor | None) -> Tensor:
    """Compute y [B, N] from x [B, D], weight [N, K], index int64 [N, K], bias [N] or None; accumulates in at least float32."""
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.new_empty(x.shape[0], weight.shape[0], dtype=wide)
    step = _rows(x.shape[0], weight.shape[1], wide.itemsize)
    for start in range(0, weight.shape[0], step):
        part = slice(start, start + step)
        gathered = _gathered(x, index[part], wide)
        y[:, part] = torch.einsum("bnk,nk->bn", gathered, weight[part].to(wide))
    if bias is not None:
        y += bias
    return y.to(x.dtype)


def grad_weight(x: Tensor, grad: Tensor, index: Tensor) -> Tensor:
    """Compute dW [N, K] = sum_b grad[b, n] x[b, index[n, k]]."""
    wide = torch.promote_types(x.dtype, torch.float32)
    out = x.new_empty(index.shape, dtype=wide)
    step = _rows(x.shape[0], index.shape[1], wide.itemsize)
    for start in range(0, index.shape[0], step):
        part = slice(start, start + step)
        gathered = _gathered(x, index[part], wide)
        out[part] = torch.einsum("bnk,bn->nk", gathered, grad[:, part].to(wide))
    return out


def grad_input(grad: Tensor, weight: Tensor, index: Tensor, in_features: int) -> Tensor:
    """Compute dX [B, D] by adding each connection's output gradient times its weight to its input."""
    wide = torch.promote_types(grad.dtype, torch.float32)
    out = grad.new_zeros(grad.shape[0], in_features, dtype=wide)
    step = _rows(grad.shape[0], index.shape[1], wide.itemsize)
    for start in range(0, index.shape[0], step):
        part = slice(start, start + step)
        given = torch.einsum("bn,nk->bnk", grad[:, part].to(wide), weight[part].to(wide)).reshape(
            grad.shape[0], index[part].numel()
        )
        out.index_add_(1, index[part].reshape(-1), given)
    return out.to(grad.dtype)
