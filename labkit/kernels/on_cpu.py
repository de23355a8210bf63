"""Hand tensors to the processor's kernels: addresses, strides, lanes and tasks."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from labkit.kernels import cpu
from labkit.kernels.pool import Pool, pool_of

FEW = 3  # examples up to which gathering from x itself beats packing it
_own = threading.local()


def forward(x: Tensor, weight: Tensor, index: Tensor, tiles: Tensor, bias: Tensor | None) -> Tensor:
    """y [B, N] of x [B, D] with any strides, weight [N, K], index uint16 or int32 [N, K], tiles as in `Topology`, bias [N] or None.

    All of float32, or all of float64.
    """
    weight, index = weight.contiguous(), index.contiguous()
    batch, width = x.shape
    outputs, fan_in = weight.shape
    y = x.new_empty(batch, outputs)
    if y.numel() == 0:
        return y
    bias = None if bias is None else bias.contiguous()
    bias_at = 0 if bias is None else bias.data_ptr()
    wide = int(index.dtype == torch.int32)
    chunks = -(-outputs // cpu.ROWS)
    if batch <= FEW:
        x = x.contiguous()
        few = (x.data_ptr(), weight.data_ptr(), index.data_ptr(), bias_at, y.data_ptr())
        _job(cpu.SMALL, x, (*few, outputs, fan_in, batch, wide, width), chunks)
        return y
    lanes = next((v for v in cpu.LANES if v >= batch), cpu.LANES[-1])
    blocks = -(-batch // lanes)
    if blocks < 2 * torch.get_num_threads():
        _multiply(pack(x), weight, index, tiles, bias_at, y)
        return y
    addresses = (x.data_ptr(), weight.data_ptr(), index.data_ptr(), tiles.data_ptr(), bias_at, y.data_ptr())
    shape = (outputs, width, batch, lanes, tiles.shape[1] - 1, wide, chunks, *x.stride())
    _job(cpu.WHOLE, y, (*addresses, *shape), blocks)
    return y


def pack(x: Tensor) -> Tensor:
    """[B, D] -> [blocks, D, V]: the batch along the lanes, the last block filled up with zeros."""
    batch, width = x.shape
    lanes = next((v for v in cpu.LANES if v >= batch), cpu.LANES[-1])
    blocks, chunks = -(-batch // lanes), -(-width // cpu.COLUMNS)
    out = x.new_empty(blocks, width, lanes)
    _job(cpu.PACK, x, (x.data_ptr(), out.data_ptr(), batch, width, lanes, *x.stride(), chunks), blocks * chunks)
    return out


def grad_weight(x: Tensor, grad: Tensor, index: Tensor) -> Tensor:
    """dW [N, K] of x [B, D] and the outputs' gradient [B, N]."""
    out = x.new_zeros(index.shape)
    if x.shape[0] == 0 or out.numel() == 0:
        return out
    left, right = pack(grad), pack(x)
    blocks, width, lanes = right.shape
    shape = (*index.shape, width, lanes, blocks, int(index.dtype == torch.int32))
    addresses = (right.data_ptr(), left.data_ptr(), index.data_ptr(), out.data_ptr())
    _job(cpu.GRAD_WEIGHT, out, (*addresses, *shape), -(-index.shape[0] // cpu.ROWS))
    return out


def grad_input(grad: Tensor, weight: Tensor, pointer: Tensor, output: Tensor, link: Tensor) -> Tensor:
    """dX [B, D] of the outputs' gradient [B, N] and weight [N, K]: the same multiplication, through the links by input."""
    out = grad.new_zeros(grad.shape[0], pointer.shape[0])
    if grad.numel() == 0 or out.numel() == 0:
        return out
    _multiply(pack(grad), weight.reshape(-1)[link], output, pointer, 0, out)
    return out


def _multiply(packed: Tensor, weight: Tensor, index: Tensor, pointer: Tensor, bias: int, y: Tensor) -> None:
    blocks, width, lanes = packed.shape
    batch, outputs = y.shape
    chunks, wide = -(-outputs // cpu.ROWS), int(index.dtype == torch.int32)
    addresses = (packed.data_ptr(), weight.data_ptr(), index.data_ptr(), pointer.data_ptr(), bias, y.data_ptr())
    shape = (outputs, width, batch, lanes, pointer.shape[1] - 1, wide, chunks)
    _job(cpu.MULTIPLY, y, (*addresses, *shape), blocks * chunks)


def _job(kind: int, like: Tensor, arguments: tuple[int, ...], tasks: int) -> None:
    """Run a job on torch's number of threads; when another Python thread has the pool, on this thread alone."""
    code = kind + (8 if like.dtype == torch.float64 else 0)
    pool = pool_of(cpu.follow, cpu.submit, torch.get_num_threads())
    if pool.busy.acquire(blocking=False):
        try:
            pool.call((code, *arguments), tasks)
        finally:
            pool.busy.release()
        return
    if not hasattr(_own, "pool"):
        _own.pool = Pool(cpu.follow, cpu.submit, 1)
    _own.pool.call((code, *arguments), tasks)
