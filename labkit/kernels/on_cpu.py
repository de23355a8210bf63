"""Hand tensors to the processor's kernels: addresses, strides, lanes and tasks."""

from __future__ import annotations

import os
import threading

import torch
from torch import Tensor

from labkit.kernels import cpu, openmp
from labkit.kernels.compiled import announced
from labkit.kernels.openmp import Team
from labkit.kernels.pool import Pool, pool_of

KEPT = 16 * 2**20  # bytes of working memory that a thread keeps
FEW = 3  # examples up to which gathering from x itself beats packing it


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
    _product(x, None, weight, index, tiles, bias_at, y)
    return y


def pack(x: Tensor) -> Tensor:
    """[B, D] -> [blocks, D, V]: the batch along the lanes, the last block filled up with zeros."""
    batch, width = x.shape
    lanes = lanes_of(batch)
    out = x.new_empty(-(-batch // lanes), width, lanes)
    _job(cpu.PACK, x, (x.data_ptr(), out.data_ptr(), batch, width, lanes, *x.stride()), len(out) * -(-width // cpu.COLUMNS))
    return out


def lanes_of(batch: int) -> int:
    """Examples of a block."""
    return next((lanes for lanes in cpu.LANES if lanes >= batch), cpu.LANES[-1])


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
    _product(grad, None, weight.reshape(-1)[link], output, pointer, 0, out)
    return out


def _product(x: Tensor, packed: Tensor | None, weight: Tensor, index: Tensor, pointer: Tensor, bias: int, y: Tensor) -> None:
    """y [B, N] = the links times x [B, D], or times what `pack` made of it."""
    batch, outputs = y.shape
    width, lanes = x.shape[1], lanes_of(batch)
    blocks, chunks = -(-batch // lanes), -(-outputs // cpu.ROWS)
    whole = packed is None and blocks >= 4 * torch.get_num_threads()
    tasks = blocks if whole else blocks * chunks
    if packed is None and not whole:
        tasks += blocks * -(-width // cpu.COLUMNS)
        packed, source = x.new_empty(blocks * width * lanes), x.data_ptr()
    else:
        source = x.data_ptr() if packed is None else 0
    addresses = (weight.data_ptr(), index.data_ptr(), pointer.data_ptr(), bias, y.data_ptr())
    shape = (outputs, width, batch, lanes, pointer.shape[1] - 1, int(index.dtype == torch.int32), chunks)
    space = cpu.SCRATCH + whole * width * lanes * x.element_size()
    arguments = (0 if packed is None else packed.data_ptr(), *addresses, *shape, *x.stride(), source)
    _job(cpu.WHOLE if whole else cpu.MULTIPLY, y, arguments, tasks, space)


def _job(kind: int, like: Tensor, arguments: tuple[int, ...], tasks: int, space: int = 0) -> None:
    """Run a job on torch's number of threads, each with `space` bytes to work in; alone when another Python thread has them."""
    threads = torch.get_num_threads()
    code = kind + (cpu.DOUBLE if like.dtype == torch.float64 else 0)
    mine = _mine()
    if space:
        room = mine.room(space * threads)
        arguments = (*arguments, room.data_ptr(), space)
    if min(threads, tasks) > 1 and _busy.acquire(blocking=False):
        try:
            if openmp.usable():
                mine.team.call((code, *arguments), tasks, threads)
            else:
                pool_of(cpu.follow, cpu.submit, threads).call((code, *arguments), tasks)
        finally:
            _busy.release()
    else:
        mine.alone.call((code, *arguments), tasks)


class _Mine:
    """What each Python thread has of its own."""

    def __init__(self) -> None:
        with announced():  # the first one compiles
            self.team = Team(cpu.publish, cpu.member())
            cpu.submit(self.team.shared, 0)
        self.alone = Pool(cpu.follow, cpu.submit, 1)
        self.memory = torch.empty(0, dtype=torch.uint8)

    def room(self, size: int) -> Tensor:
        """So many bytes or more, kept from call to call: fresh memory costs more than the work that is done in it."""
        if self.memory.numel() >= size:
            return self.memory
        fresh = torch.empty(size, dtype=torch.uint8)
        if size <= KEPT:
            self.memory = fresh
        return fresh


_local = threading.local()


def _mine() -> _Mine:
    try:
        return _local.mine
    except AttributeError:
        _local.mine = _Mine()
        return _local.mine


_busy = threading.Lock()


def _in_child() -> None:
    """Another thread may have held the lock when the process was forked."""
    global _busy
    _busy = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
