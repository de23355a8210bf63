"""`fixed_fan_in`, the one operation behind condensed layers, registered with torch so that autograd, compile and export know it."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from labkit.kernels import cpu, on_cpu, reference
from labkit.kernels.choice import Choice, choose
from labkit.kernels.topology import Topology

Backend = Literal["auto", "reference", "dense", "cpu", "triton"]
BACKENDS = ("auto", "reference", "dense", "cpu", "triton")
NOTHING = (None, None, None)
PLAIN = (Tensor, torch.nn.Parameter)


def fixed_fan_in(
    x: Tensor,
    weight: Tensor,
    index: Tensor | Topology,
    bias: Tensor | None = None,
    *,
    backend: Backend = "auto",
    explain: bool = False,
) -> Any:
    """Return ``y[…, n] = bias[n] + sum_k weight[n, k] * x[…, index[n, k]]``.

    Parameters
    ----------
    x : Tensor [..., D]
        float32, float64, bfloat16 or float16, any strides; half precision is summed in float32.
    weight : Tensor [N, K]
    index : integer Tensor [N, K], or Topology
        Input columns; duplicates add up. A tensor is checked at every call, a Topology was checked once.
    bias : Tensor [N], optional
    backend : {"auto", "reference", "dense", "cpu", "triton"}
        "reference" is plain torch on any device, "dense" makes a dense weight for the call, "cpu" and "triton" are compiled
        kernels; "auto" takes what a small table of measured times says is fastest (`labkit kernels` shows it).
    explain : bool
        Return also what ran and why.

    Returns
    -------
    Tensor [..., N]
        NaN and infinite inputs reach the outputs that are linked to them, as they do through a dense weight without its zeros (with
        "dense", all outputs). An output whose weights are all zero is linked to nothing and gives its bias ("cpu").
    Choice
        With ``explain=True``: (backend, reason).

    Raises
    ------
    ValueError
        On shapes that do not fit, a column out of range, or an unknown backend.
    TypeError
        On tensors that are no numbers of these kinds, or of different types.

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024: the condensed representation.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 2.0, 3.0]])
    >>> fixed_fan_in(x, torch.tensor([[10.0, 1.0]]), torch.tensor([[0, 2]]))
    tensor([[13.]])
    """
    _check(x, weight, index, bias, backend)
    flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
    plain = plain_call(x, weight, *(() if bias is None else (bias,)))
    # a tracer knows no sizes: the operation chooses when it runs
    chosen = _chosen(flat, weight, backend) if plain or explain else Choice(backend, "")
    if plain and chosen.backend == "cpu":
        index = index if isinstance(index, Topology) else Topology(index, flat.shape[1])
        if learns(x, weight, bias):
            y = _OnProcessor.apply(flat, weight, bias, index)
        else:
            y = on_cpu.forward(flat, weight, index.index, index.tiles, bias)
    else:
        columns, tiles, inverse = _links(index, gradient=learns(x, weight))
        y = torch.ops.labkit.fixed_fan_in(flat, weight, columns, bias, tiles, *inverse, chosen.backend)
    y = y if x.ndim == 2 else y.reshape(*x.shape[:-1], weight.shape[0])
    return (y, chosen) if explain else y


Layer = tuple[Tensor, Topology, Tensor | None]  # weight [N, K], topology, bias [N]
FUSED = {"relu": cpu.RELU, "gelu": cpu.GELU}


def fixed_fan_in_mlp(x: Tensor, first: Layer, activation: str, second: Layer) -> Tensor | None:
    """Return two fixed fan-in layers with a "relu" or exact "gelu" between them, without leaving the kernel's layout.

    Parameters
    ----------
    x : Tensor [..., D]
    first, second : (weight, Topology, bias or None)
    activation : str

    Returns
    -------
    Tensor [..., M], or None
        None where there is no such kernel: off the processor, in training, under a tracer, in another type than float32, for
        another activation. The caller then goes step by step.

    Raises
    ------
    ValueError, TypeError
        As `fixed_fan_in`.
    """
    tensors = [first[0], second[0], *(bias for bias in (first[2], second[2]) if bias is not None)]
    if activation not in FUSED or x.dtype != torch.float32 or learns(x, *tensors) or not plain_call(x, *tensors):
        return None
    _check(x, first[0], first[1], first[2], "cpu")
    _check(x.new_empty(0, first[0].shape[0]), second[0], second[1], second[2], "cpu")
    layers = [on_cpu.links(w, t.index, t.tiles, bias, t.in_features) for w, t, bias in (first, second)]
    y = on_cpu.mlp(x if x.ndim == 2 else x.reshape(-1, x.shape[-1]), layers[0], FUSED[activation], layers[1])
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], y.shape[1])


def _links(index: Tensor | Topology, *, gradient: bool) -> tuple[Tensor, Tensor | None, tuple]:
    """Index, tiles and, where a gradient may be asked for, the inverse index of a Topology; of a tensor the index alone."""
    if not isinstance(index, Topology):
        return index, None, NOTHING
    # not made while a graph is traced, which would make it anew at every call of the graph
    made = index.inverse if gradient and not torch.compiler.is_compiling() else index._inverse
    return index.index, index.tiles, made or NOTHING


def plain_call(x: Tensor, *others: Tensor) -> bool:
    """Whether nobody but the processor has to know of this call: torch's way through a registered operation takes 10 us and more,
    and 100 us with a gradient, as long as the multiplication of a small batch.
    """
    tensors = (x, *others)
    return (
        x.dtype in (torch.float32, torch.float64)
        and all(type(tensor) in PLAIN and tensor.is_cpu for tensor in tensors)
        and not torch.compiler.is_compiling()
        and not is_in_torch_dispatch_mode()
        and torch._C._functorch.peek_interpreter_stack() is None
    )


def learns(*tensors: Tensor | None) -> bool:
    """Whether a gradient may be asked for."""
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


class _OnProcessor(torch.autograd.Function):
    """What the registered operations do, for a `plain_call`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, topology: Topology) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.topology = topology
        return on_cpu.forward(x, weight, topology.index, topology.tiles, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        need = ctx.needs_input_grad
        to_x = on_cpu.grad_input(grad, weight, *ctx.topology.inverse) if need[0] else None
        to_weight = on_cpu.grad_weight(x, grad, ctx.topology.index) if need[1] else None
        return to_x, to_weight, grad.sum(0) if need[2] else None, None


def _check(x: Tensor, weight: Tensor, index: Tensor | Topology, bias: Tensor | None, backend: str) -> None:
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    shape = list(index.index.shape if isinstance(index, Topology) else index.shape)
    if weight.ndim != 2 or list(weight.shape) != shape:
        raise ValueError(f"weight and index must have one shape [outputs, fan_in], got {list(weight.shape)} and {shape}")
    if x.ndim == 0 or (isinstance(index, Topology) and x.shape[-1] != index.in_features):
        wanted = index.in_features if isinstance(index, Topology) else "any number of"
        raise ValueError(f"x must have {wanted} inputs in its last dimension, got shape {list(x.shape)}")
    if bias is not None and list(bias.shape) != shape[:1]:
        raise ValueError(f"bias must have shape [{shape[0]}], got {list(bias.shape)}")
    kinds = {tensor.dtype for tensor in (x, weight, bias) if tensor is not None}
    if len(kinds) > 1 or not x.dtype.is_floating_point:
        raise TypeError(f"x, weight and bias must be of one floating type, got {', '.join(sorted(map(str, kinds)))}")


@torch.library.custom_op("labkit::fixed_fan_in", mutates_args=())
def _forward(
    x: Tensor,
    weight: Tensor,
    index: Tensor,
    bias: Tensor | None,
    tiles: Tensor | None,
    pointer: Tensor | None,
    output: Tensor | None,
    link: Tensor | None,
    backend: str,
) -> Tensor:
    if tiles is None:
        made = Topology(index, x.shape[1])
        index, tiles = made.index, made.tiles
    backend = _chosen(x, weight, backend).backend
    if backend == "reference":
        return reference.forward(x, weight, index.to(torch.int64), bias)
    if backend == "dense":
        return F.linear(x, _dense(weight, index, x.shape[1]), bias)
    if backend == "triton":
        return _triton().forward(x, weight, index, bias)
    wide = torch.promote_types(x.dtype, torch.float32)
    y = on_cpu.forward(x.to(wide), weight.to(wide), index, tiles, None if bias is None else bias.to(wide))
    return y.to(x.dtype)


@_forward.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    index: Tensor,
    bias: Tensor | None,
    tiles: Tensor | None,
    pointer: Tensor | None,
    output: Tensor | None,
    link: Tensor | None,
    backend: str,
) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


@torch.library.custom_op("labkit::fixed_fan_in_grad_weight", mutates_args=())
def _grad_weight(x: Tensor, grad: Tensor, index: Tensor, backend: str) -> Tensor:
    if backend == "reference":
        return reference.grad_weight(x, grad, index.to(torch.int64)).to(x.dtype)
    if backend == "triton":
        return _triton().grad_weight(x, grad, index)
    wide = torch.promote_types(x.dtype, torch.float32)
    narrow = index if index.dtype in (torch.uint16, torch.int32) else index.to(torch.int32)
    return on_cpu.grad_weight(x.to(wide), grad.to(wide), narrow.contiguous()).to(x.dtype)


@_grad_weight.register_fake
def _(x: Tensor, grad: Tensor, index: Tensor, backend: str) -> Tensor:
    return x.new_empty(index.shape)


@torch.library.custom_op("labkit::fixed_fan_in_grad_input", mutates_args=())
def _grad_input(
    grad: Tensor,
    weight: Tensor,
    index: Tensor,
    pointer: Tensor | None,
    output: Tensor | None,
    link: Tensor | None,
    width: int,
    backend: str,
) -> Tensor:
    if backend == "reference":
        return reference.grad_input(grad, weight, index.to(torch.int64), width)
    if pointer is None or output is None or link is None:
        pointer, output, link = Topology(index, width).inverse
    if backend == "triton":
        ends = torch.cat([pointer[:1, 0], pointer[:, 1]])
        return _triton().grad_input(grad, weight, (ends, link))
    wide = torch.promote_types(grad.dtype, torch.float32)
    return on_cpu.grad_input(grad.to(wide), weight.to(wide), pointer, output, link).to(grad.dtype)


@_grad_input.register_fake
def _(
    grad: Tensor,
    weight: Tensor,
    index: Tensor,
    pointer: Tensor | None,
    output: Tensor | None,
    link: Tensor | None,
    width: int,
    backend: str,
) -> Tensor:
    return grad.new_empty(grad.shape[0], width)


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    x, weight, index, bias, _, *inverse, backend = inputs
    ctx.save_for_backward(x, weight, index, *inverse)
    ctx.backend = _for_gradient(backend, x)
    ctx.has_bias = bias is not None


def _backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
    x, weight, index, *inverse = ctx.saved_tensors
    need = ctx.needs_input_grad
    to_x = to_weight = to_bias = None
    if need[0]:
        to_x = torch.ops.labkit.fixed_fan_in_grad_input(grad, weight, index, *inverse, x.shape[1], ctx.backend)
    if need[1]:
        to_weight = torch.ops.labkit.fixed_fan_in_grad_weight(x, grad, index, ctx.backend)
    if ctx.has_bias and need[3]:
        to_bias = grad.sum(0)
    return to_x, to_weight, None, to_bias, None, None, None, None, None


torch.library.register_autograd("labkit::fixed_fan_in", _backward, setup_context=_keep)


def _chosen(x: Tensor, weight: Tensor, backend: str) -> Choice:
    """The backend that runs: the one asked for if it can, else the fastest that can."""
    device = x.device.type
    if backend == "cpu" and device != "cpu":
        raise ValueError(f"backend 'cpu' needs tensors on the processor, these are on {x.device}; use backend='auto'")
    if backend == "triton" and not _triton().available(x.device):
        raise ValueError(f"backend 'triton' cannot run on {x.device}; use backend='auto'")
    if backend != "auto":
        return Choice(backend, "asked for")
    return choose(x.shape[0], x.shape[1], weight.shape[0], weight.shape[1], device)


def _for_gradient(backend: str, x: Tensor) -> str:
    """A gradient has no dense way of its own: where that was fastest, a kernel is the next best."""
    if backend not in ("auto", "dense"):
        return backend
    return "cpu" if x.device.type == "cpu" else choose(1, 1, 1, 1, x.device.type).backend


def _dense(weight: Tensor, index: Tensor, width: int) -> Tensor:
    """The matrix [N, D] that has `weight` at the links."""
    return weight.new_zeros(weight.shape[0], width).scatter_add(1, index.to(torch.int64), weight)


def _triton() -> Any:
    """Triton's kernels, imported when they are first asked for: triton takes a moment, and a processor needs none."""
    from labkit.kernels import triton_kernels

    return triton_kernels
