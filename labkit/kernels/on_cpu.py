"""Hand tensors to the processor's kernels: addresses, strides, lanes and tasks."""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from labkit.kernels import cpu, openmp
from labkit.kernels.openmp import Team
from labkit.kernels.pool import Pool, pool_of

KEPT = 16 * 2**20  # bytes of working memory that a thread keeps
FEW = 3  # examples up to which gathering from x itself beats packing it
LEAST = 64  # outputs of one task
GRADIENT_LANES = 64  # examples of a block for the gradient of the weights, whose sums are longer the larger it is
LIGHT = 2**17  # multiply-adds below which waking the other threads takes longer than they would save
NO_LAYER = (0,) * 8
ZERO: dict[int, Any] = {4: np.float32(0), 8: np.float64(0)}


class Links(NamedTuple):
    """A layer as the kernels take it: contiguous weight and columns [N, K], pointer int64 [N, tiles + 1], bias [N] or None."""

    weight: Tensor
    columns: Tensor
    pointer: Tensor
    bias: Tensor | None
    inputs: int

    @property
    def outputs(self) -> int:
        return self.pointer.shape[0]

    def arguments(self) -> tuple[int, ...]:
        """As the places of `cpu` after FIRST or SECOND say."""
        bias = 0 if self.bias is None else self.bias.data_ptr()
        outputs, ends = self.pointer.shape
        addresses = (self.weight.data_ptr(), self.columns.data_ptr(), self.pointer.data_ptr(), bias)
        return (*addresses, outputs, self.inputs, ends - 1, int(self.columns.dtype == torch.int32))


def links(weight: Tensor, index: Tensor, pointer: Tensor, bias: Tensor | None, inputs: int) -> Links:
    """Return the layer with everything contiguous."""
    return Links(weight.contiguous(), index.contiguous(), pointer, None if bias is None else bias.contiguous(), inputs)


def forward(x: Tensor, weight: Tensor, index: Tensor, tiles: Tensor, bias: Tensor | None) -> Tensor:
    """y [B, N] of x [B, D] with any strides, weight [N, K], index uint16 or int32 [N, K], tiles as in `Topology`, bias [N] or None.

    All of float32, or all of float64.
    """
    y = x.new_empty(x.shape[0], weight.shape[0])
    if y.numel():
        _product(x, links(weight, index, tiles, bias, x.shape[1]), y)
    return y


def mlp(x: Tensor, first: Links, activation: int, second: Links) -> Tensor:
    """y [B, M] of x [B, D] float32 through two layers with an activation of `cpu` between; the hidden layer stays feature-major."""
    y = x.new_empty(x.shape[0], second.outputs)
    if y.numel() and x.shape[0] <= FEW:
        hidden = x.new_empty(x.shape[0], first.outputs)
        _product(x, first, hidden)
        hidden = hidden.relu_() if activation == cpu.RELU else torch.nn.functional.gelu(hidden)
        _product(hidden, second, y)
    elif y.numel():
        _product(x, first, y, activation, second)
    return y


def pack(x: Tensor, lanes: int) -> Tensor:
    """[B, D] -> blocks of [D, V], one after the other: the batch along the lanes, the last block filled up with zeros."""
    batch, width = x.shape
    blocks = -(-batch // lanes)
    out = x.new_empty(blocks * width * lanes)
    layer = (0, 0, 0, 0, 0, width, 0, 0)
    arguments = (x.data_ptr(), *x.stride(), out.data_ptr(), 0, 0, batch, lanes, 0, 0)
    _job(cpu.PACK, x, arguments, (*layer, *NO_LAYER), blocks * -(-width // cpu.COLUMNS))
    return out


def lanes_of(batch: int) -> int:
    """Examples of a block: all where one block holds them, else 32, with which the usual input stays in a second cache."""
    return next((lanes for lanes in cpu.VECTORS if lanes >= batch), 32)


def _rows(outputs: int, lanes: int, blocks: int) -> int:
    """Outputs of one task: many, because a task goes through the whole input, but a few tasks for every thread."""
    fair = -(-outputs * blocks // (3 * torch.get_num_threads()))
    return max(LEAST, min(cpu.SUMS // lanes, fair))


def grad_weight(x: Tensor, grad: Tensor, index: Tensor) -> Tensor:
    """dW [N, K] of x [B, D] and the outputs' gradient [B, N]."""
    out = x.new_zeros(index.shape)
    batch = x.shape[0]
    if batch == 0 or out.numel() == 0:
        return out
    left, right = pack(grad, GRADIENT_LANES), pack(x, GRADIENT_LANES)
    arguments = (0, 0, 0, right.data_ptr(), left.data_ptr(), out.data_ptr(), batch, GRADIENT_LANES, LEAST, 0)
    layer = (0, index.data_ptr(), 0, 0, index.shape[0], x.shape[1], index.shape[1], int(index.dtype == torch.int32))
    _job(cpu.GRAD_WEIGHT, out, arguments, (*layer, *NO_LAYER), -(-index.shape[0] // LEAST))
    return out


def grad_input(grad: Tensor, weight: Tensor, pointer: Tensor, output: Tensor, link: Tensor) -> Tensor:
    """dX [B, D] of the outputs' gradient [B, N] and weight [N, K]: the same multiplication, through the links by input."""
    out = grad.new_zeros(grad.shape[0], pointer.shape[0])
    if grad.numel() and out.numel():
        _product(grad, Links(_taken(weight.contiguous(), link), output, pointer, None, grad.shape[1]), out)
    return out


def _taken(values: Tensor, link: Tensor) -> Tensor:
    """values.reshape(-1)[link]."""
    out = values.new_empty(link.shape)
    layer = (values.data_ptr(), link.data_ptr(), 0, 0, len(link), 0, 0, 0)
    _job(cpu.TAKE, values, (0, 0, 0, 0, 0, out.data_ptr(), 0, 0, 0, 0), (*layer, *NO_LAYER), -(-len(link) // cpu.TAKEN))
    return out


def _product(x: Tensor, first: Links, y: Tensor, activation: int = cpu.IDENTITY, second: Links | None = None) -> None:
    """y = the links times x [B, D] with any strides, then those of a second layer."""
    batch, size = x.shape[0], x.element_size()
    layers = (*first.arguments(), *(NO_LAYER if second is None else second.arguments()))
    links = first.weight.numel() + (0 if second is None else second.weight.numel())
    if batch <= FEW:
        x = x if x.stride(1) == 1 else x.contiguous()
        arguments = (x.data_ptr(), *x.stride(), 0, 0, y.data_ptr(), batch, 0, LEAST, 0)
        _job(cpu.SMALL, y, arguments, layers, -(-first.outputs // LEAST), light=links * batch < LIGHT // 8)
        return
    lanes = lanes_of(batch)
    blocks, more = -(-batch // lanes), 0 if second is None else first.outputs
    if blocks >= 4 * torch.get_num_threads():
        arguments = (x.data_ptr(), *x.stride(), 0, 0, y.data_ptr(), batch, lanes, cpu.SUMS // lanes, activation)
        _job(cpu.WHOLE, y, arguments, layers, blocks, cpu.SCRATCH + (x.shape[1] + more) * lanes * size)
        return
    packed = x.new_empty(blocks * lanes * (x.shape[1] + more))
    hidden = packed.data_ptr() + blocks * lanes * x.shape[1] * size
    rows = _rows(y.shape[1], lanes, blocks)
    tasks = blocks * (-(-x.shape[1] // cpu.COLUMNS) + -(-first.outputs // rows))
    tasks += 0 if second is None else blocks * -(-second.outputs // rows)
    arguments = (x.data_ptr(), *x.stride(), packed.data_ptr(), hidden, y.data_ptr(), batch, lanes, rows, activation)
    _job(cpu.MULTIPLY, y, arguments, layers, tasks, cpu.SCRATCH, light=links * batch < LIGHT)


def _job(
    kind: int,
    like: Tensor,
    arguments: tuple[int, ...],
    layers: tuple[int, ...],
    tasks: int,
    space: int = 0,
    light: bool = False,
) -> None:
    """Run a job on torch's number of threads, each with `space` bytes to work in.

    On this thread alone when it is light, or when another Python thread has the others.
    """
    threads, mine, size = 1 if light else torch.get_num_threads(), _mine(), like.element_size()
    member = cpu.member(size)  # compiled before all else, with a word to who waits
    room = mine.room(space * threads) if space else None
    given = (kind, *arguments, 0 if room is None else room.data_ptr(), space, size, *layers)
    if min(threads, tasks) > 1 and _busy.acquire(blocking=False):
        try:
            if openmp.usable():
                mine.team.call(member, given, tasks, threads)
            else:
                pool_of(cpu.follow, cpu.submit, threads).call(given, tasks, ZERO[size])
        finally:
            _busy.release()
    else:
        mine.alone.call(given, tasks, ZERO[size])


class _Mine:
    """What each Python thread has of its own."""

    def __init__(self) -> None:
        self.team = Team(cpu.publish)
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
