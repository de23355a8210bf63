"""Launch the CPU kernels: addresses, strides, block sizes and tasks of a call on tensors."""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from labkit.kernels import cpu, jobs, openmp
from labkit.kernels.openmp import Team
from labkit.kernels.pool import Pool, pool_of

KEPT = 16 * 2**20  # largest working memory that a thread keeps between calls, bytes
FEW = 3  # batch size up to which gathering from x directly is faster than packing it
LEAST = 64  # minimum number of outputs of one task
GRADIENT_LANES = 64  # block size for the weight gradient, whose dot products run along the block
LIGHT = 2**17  # multiply-adds below which waking other threads costs more than it saves
NO_LAYER = (0,) * 8
ZERO: dict[int, Any] = {4: np.float32(0), 8: np.float64(0)}


class LayerArguments(NamedTuple):
    """A layer as the kernels take it.

    Attributes
    ----------
    weight, columns : Tensor [N, K]
        Contiguous values and input columns.
    pointer : int64 Tensor [N, tiles + 1]
        As `Topology.tiles`.
    bias : Tensor [N] or None
        Added to the outputs.
    inputs : int
        Input features D.
    """

    weight: Tensor
    columns: Tensor
    pointer: Tensor
    bias: Tensor | None
    inputs: int

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.pointer.shape[0]

    def arguments(self) -> tuple[int, ...]:
        """Return the values of a job after the offset FIRST or SECOND (see `labkit.kernels.jobs`)."""
        bias = 0 if self.bias is None else self.bias.data_ptr()
        outputs, ends = self.pointer.shape
        addresses = (self.weight.data_ptr(), self.columns.data_ptr(), self.pointer.data_ptr(), bias)
        return (*addresses, outputs, self.inputs, ends - 1, int(self.columns.dtype == torch.int32))


def layer_arguments(weight: Tensor, index: Tensor, pointer: Tensor, bias: Tensor | None, inputs: int) -> LayerArguments:
    """Return the layer with contiguous tensors."""
    return LayerArguments(weight.contiguous(), index.contiguous(), pointer, None if bias is None else bias.contiguous(), inputs)


def forward(x: Tensor, weight: Tensor, index: Tensor, tiles: Tensor, bias: Tensor | None) -> Tensor:
    """Compute y [B, N] from x [B, D] (any strides), weight [N, K], index uint16 or int32 [N, K], tiles of a `Topology`, bias [N].

    All tensors are float32, or all float64.
    """
    y = x.new_empty(x.shape[0], weight.shape[0])
    if y.numel():
        _product(x, layer_arguments(weight, index, tiles, bias, x.shape[1]), y)
    return y


def mlp(x: Tensor, first: LayerArguments, activation: int, second: LayerArguments) -> Tensor:
    """Compute y [B, M] from float32 x [B, D] by two layers and an activation; hidden values stay feature-major."""
    y = x.new_empty(x.shape[0], second.outputs)
    if y.numel() and x.shape[0] <= FEW:
        hidden = x.new_empty(x.shape[0], first.outputs)
        _product(x, first, hidden)
        hidden = hidden.relu_() if activation == jobs.RELU else torch.nn.functional.gelu(hidden)
        _product(hidden, second, y)
    elif y.numel():
        _product(x, first, y, activation, second)
    return y


def pack(x: Tensor, lanes: int) -> Tensor:
    """Pack [B, D] into consecutive blocks [D, V] with the batch along the lanes; the last block is zero-padded."""
    batch, width = x.shape
    blocks = -(-batch // lanes)
    out = x.new_empty(blocks * width * lanes)
    layer = (0, 0, 0, 0, 0, width, 0, 0)
    arguments = (x.data_ptr(), *x.stride(), out.data_ptr(), 0, 0, batch, lanes, 0, 0)
    _job(jobs.PACK, x, arguments, (*layer, *NO_LAYER), blocks * -(-width // jobs.COLUMNS))
    return out


def lanes_of(batch: int) -> int:
    """Return the block size: the batch if one block holds it, else 32, so that typical inputs fit the second-level cache."""
    return next((lanes for lanes in jobs.VECTORS if lanes >= batch), 32)


def _rows(outputs: int, lanes: int, blocks: int) -> int:
    """Outputs per task: many, because every task reads the whole input, but enough tasks to balance the threads."""
    fair = -(-outputs * blocks // (3 * torch.get_num_threads()))
    return max(LEAST, min(jobs.SUMS // lanes, fair))


def grad_weight(x: Tensor, grad: Tensor, index: Tensor) -> Tensor:
    """Compute dW [N, K] from x [B, D] and the output gradient [B, N]."""
    out = x.new_zeros(index.shape)
    batch = x.shape[0]
    if batch == 0 or out.numel() == 0:
        return out
    left, right = pack(grad, GRADIENT_LANES), pack(x, GRADIENT_LANES)
    arguments = (0, 0, 0, right.data_ptr(), left.data_ptr(), out.data_ptr(), batch, GRADIENT_LANES, LEAST, 0)
    layer = (0, index.data_ptr(), 0, 0, index.shape[0], x.shape[1], index.shape[1], int(index.dtype == torch.int32))
    _job(jobs.GRAD_WEIGHT, out, arguments, (*layer, *NO_LAYER), -(-index.shape[0] // LEAST))
    return out


def grad_input(grad: Tensor, weight: Tensor, pointer: Tensor, output: Tensor, position: Tensor) -> Tensor:
    """Compute dX [B, D] from the output gradient [B, N] and weight [N, K]: the same product with the inverse index."""
    out = grad.new_zeros(grad.shape[0], pointer.shape[0])
    if grad.numel() and out.numel():
        _product(grad, LayerArguments(_gathered(weight.contiguous(), position), output, pointer, None, grad.shape[1]), out)
    return out


def _gathered(values: Tensor, position: Tensor) -> Tensor:
    """Return values.reshape(-1)[position]."""
    out = values.new_empty(position.shape)
    layer = (values.data_ptr(), position.data_ptr(), 0, 0, len(position), 0, 0, 0)
    _job(jobs.TAKE, values, (0, 0, 0, 0, 0, out.data_ptr(), 0, 0, 0, 0), (*layer, *NO_LAYER), -(-len(position) // jobs.TAKEN))
    return out


def _product(
    x: Tensor, first: LayerArguments, y: Tensor, activation: int = jobs.IDENTITY, second: LayerArguments | None = None
) -> None:
    """Write to y the product of x [B, D] (any strides) with one layer, or with two."""
    batch, size = x.shape[0], x.element_size()
    layers = (*first.arguments(), *(NO_LAYER if second is None else second.arguments()))
    nonzeros = first.weight.numel() + (0 if second is None else second.weight.numel())
    if batch <= FEW:
        x = x if x.stride(1) == 1 else x.contiguous()
        arguments = (x.data_ptr(), *x.stride(), 0, 0, y.data_ptr(), batch, 0, LEAST, 0)
        _job(jobs.SMALL, y, arguments, layers, -(-first.outputs // LEAST), light=nonzeros * batch < LIGHT // 8)
        return
    lanes = lanes_of(batch)
    blocks, more = -(-batch // lanes), 0 if second is None else first.outputs
    if blocks >= 4 * torch.get_num_threads():
        arguments = (x.data_ptr(), *x.stride(), 0, 0, y.data_ptr(), batch, lanes, jobs.SUMS // lanes, activation)
        _job(jobs.WHOLE, y, arguments, layers, blocks, jobs.SCRATCH + (x.shape[1] + more) * lanes * size)
        return
    packed = x.new_empty(blocks * lanes * (x.shape[1] + more))
    hidden = packed.data_ptr() + blocks * lanes * x.shape[1] * size
    rows = _rows(y.shape[1], lanes, blocks)
    tasks = blocks * (-(-x.shape[1] // jobs.COLUMNS) + -(-first.outputs // rows))
    tasks += 0 if second is None else blocks * -(-second.outputs // rows)
    arguments = (x.data_ptr(), *x.stride(), packed.data_ptr(), hidden, y.data_ptr(), batch, lanes, rows, activation)
    _job(jobs.MULTIPLY, y, arguments, layers, tasks, jobs.SCRATCH, light=nonzeros * batch < LIGHT)


def _job(
    kind: int,
    like: Tensor,
    arguments: tuple[int, ...],
    layers: tuple[int, ...],
    tasks: int,
    space: int = 0,
    light: bool = False,
) -> None:
    """Run a job on torch.get_num_threads() threads, each with `space` bytes of working memory.

    It runs on the calling thread alone if it is light, or if another Python thread is using the others.
    """
    threads, state, size = 1 if light else torch.get_num_threads(), _thread_state(), like.element_size()
    member = cpu.member(size)  # compiles on first use
    room = state.room(space * threads) if space else None
    given = (kind, *arguments, 0 if room is None else room.data_ptr(), space, size, *layers)
    if min(threads, tasks) > 1 and _busy.acquire(blocking=False):
        try:
            if openmp.usable():
                state.team.call(member, given, tasks, threads)
            else:
                pool_of(cpu.follow, cpu.submit, threads).call(given, tasks, ZERO[size])
        finally:
            _busy.release()
    else:
        state.alone.call(given, tasks, ZERO[size])


class _ThreadState:
    """Per-thread state."""

    def __init__(self) -> None:
        self.team = Team(cpu.publish)
        self.alone = Pool(cpu.follow, cpu.submit, 1)
        self.memory = torch.empty(0, dtype=torch.uint8)

    def room(self, size: int) -> Tensor:
        """Return at least `size` bytes, reused from call to call: page faults of fresh memory cost more than the kernel."""
        if self.memory.numel() >= size:
            return self.memory
        fresh = torch.empty(size, dtype=torch.uint8)
        if size <= KEPT:
            self.memory = fresh
        return fresh


_local = threading.local()


def _thread_state() -> _ThreadState:
    try:
        return _local.state
    except AttributeError:
        _local.state = _ThreadState()
        return _local.state


_busy = threading.Lock()


def _in_child() -> None:
    """Replace the lock, which another thread may have held when the process was forked."""
    global _busy
    _busy = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
