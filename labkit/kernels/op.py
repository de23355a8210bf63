"""`fixed_fan_in`, registered as a torch custom operator that supports autograd, torch.compile and torch.export."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from labkit.kernels import jobs, on_cpu, reference
from labkit.kernels.choice import Choice, choose
from labkit.kernels.topology import Topology, is_abstract

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
    """Compute ``y[…, n] = bias[n] + sum_k weight[n, k] * x[…, index[n, k]]``.

    Parameters
    ----------
    x : Tensor [..., D]
        Input of any strides in float32, float64, bfloat16 or float16; half precision is accumulated in float32.
    weight : Tensor [N, K]
        Values of the K connections of each output, in the dtype of `x`.
    index : integer Tensor [N, K], or Topology
        Input columns; duplicates add up. A tensor is validated on every call, a Topology only once.
    bias : Tensor [N], optional
        Added to the outputs.
    backend : {"auto", "reference", "dense", "cpu", "triton"}
        "reference" is plain torch on any device, "dense" builds a dense weight for the call, "cpu" and "triton" are compiled
        kernels; "auto" selects the fastest by a table of measured times (`labkit kernels` prints it).
    explain : bool
        Also return the backend that ran and why.

    Returns
    -------
    Tensor [..., N]
        NaN and infinite inputs reach only the outputs connected to them (with "dense", all outputs). In "cpu", an output whose
        weights are all zero counts as unconnected and equals its bias.
    Choice
        Only with ``explain=True``: (backend, reason).

    Raises
    ------
    ValueError
        If shapes do not match, a column is out of range, or the backend is unknown or cannot run on the device.
    TypeError
        If the tensors are not floating-point, of different dtypes, or `index` is not an integer tensor.

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024, section 3: the condensed representation.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 2.0, 3.0]])
    >>> fixed_fan_in(x, torch.tensor([[10.0, 1.0]]), torch.tensor([[0, 2]]))
    tensor([[13.]])
    """
    if torch.jit.is_tracing():  # plain operators, so that the graph runs where labkit is not installed
        columns = index.index if isinstance(index, Topology) else index
        y = F.linear(x, _dense(weight, columns, index.in_features if isinstance(index, Topology) else x.shape[-1]), bias)
        return (y, Choice("dense", "torch.jit traces plain operators")) if explain else y
    _check(x, weight, index, bias, backend)
    flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
    plain = is_plain_cpu_call(x, weight, *(() if bias is None else (bias,)))
    # sizes are symbolic while tracing, so the operator chooses the backend at run time
    chosen = _chosen(flat, weight, backend) if plain or explain else Choice(backend, "")
    if plain and chosen.backend == "cpu":
        index = index if isinstance(index, Topology) else Topology(index, flat.shape[1])
        if needs_grad(x, weight, bias):
            y = _CPUFunction.apply(flat, weight, bias, index)
        else:
            y = on_cpu.forward(flat, weight, index.index, index.tiles, bias)
    else:
        columns, tiles, inverse = _unpacked(index, gradient=needs_grad(x, weight))
        y = torch.ops.labkit.fixed_fan_in(flat, weight, columns, bias, tiles, *inverse, chosen.backend)
    y = y if x.ndim == 2 else y.reshape(*x.shape[:-1], weight.shape[0])
    return (y, chosen) if explain else y


Layer = tuple[Tensor, Topology, Tensor | None]  # weight [N, K], topology, bias [N]
FUSED = {"relu": jobs.RELU, "gelu": jobs.GELU}


def fixed_fan_in_mlp(x: Tensor, first: Layer, activation: str, second: Layer) -> Tensor | None:
    """Compute two fixed fan-in layers with an activation between them, keeping the hidden values in the kernel's layout.

    Parameters
    ----------
    x : float32 Tensor [..., D]
        Input.
    first : tuple of (weight, Topology, bias or None)
        The layer from D to the hidden features.
    activation : {"relu", "gelu"}
        "gelu" is the exact one.
    second : tuple of (weight, Topology, bias or None)
        The layer from the hidden features to M.

    Returns
    -------
    Tensor [..., M] or None
        None if no fused kernel applies: on other devices or dtypes, when a gradient is needed, while tracing, and for other
        activations. Then call the layers one by one.

    Raises
    ------
    ValueError, TypeError
        As `fixed_fan_in`.
    """
    tensors = [first[0], second[0], *(bias for bias in (first[2], second[2]) if bias is not None)]
    if activation not in FUSED or x.dtype != torch.float32 or needs_grad(x, *tensors) or not is_plain_cpu_call(x, *tensors):
        return None
    _check(x, first[0], first[1], first[2], "cpu")
    _check(x.new_empty(0, first[0].shape[0]), second[0], second[1], second[2], "cpu")
    layers = [on_cpu.layer_arguments(w, t.index, t.tiles, bias, t.in_features) for w, t, bias in (first, second)]
    y = on_cpu.mlp(x if x.ndim == 2 else x.reshape(-1, x.shape[-1]), layers[0], FUSED[activation], layers[1])
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], y.shape[1])


def _unpacked(index: Tensor | Topology, *, gradient: bool) -> tuple[Tensor, Tensor | None, tuple]:
    """Index, tiles and, if a gradient may be needed, the inverse index of a Topology; of a tensor the index alone."""
    if not isinstance(index, Topology):
        return index, None, NOTHING
    # not built while tracing: the graph would rebuild it on every call
    built = not gradient or torch.compiler.is_compiling() or is_abstract(index.index)
    made = index._inverse if built else index.inverse
    return index.index, index.tiles, made or NOTHING


def is_plain_cpu_call(x: Tensor, *others: Tensor) -> bool:
    """Tell whether a call may bypass torch's dispatcher: plain CPU tensors, outside tracing and functorch transforms.

    Dispatching a custom operator takes 10 us or more, and 100 us with a gradient, as long as the product of a small batch.
    """
    tensors = (x, *others)
    return (
        x.dtype in (torch.float32, torch.float64)
        and all(type(tensor) in PLAIN and tensor.is_cpu for tensor in tensors)
        and not is_traced()
        and not is_in_torch_dispatch_mode()
        and torch._C._functorch.peek_interpreter_stack() is None
    )


def is_traced() -> bool:
    """Tell whether torch.compile, torch.export or torch.jit.trace is following the call."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def needs_grad(*tensors: Tensor | None) -> bool:
    """Tell whether a gradient with respect to any of the tensors may be needed."""
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


class _CPUFunction(torch.autograd.Function):
    """The custom operator and its gradients, for calls that satisfy `is_plain_cpu_call`."""

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
    position: Tensor | None,
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
    position: Tensor | None,
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
    position: Tensor | None,
    width: int,
    backend: str,
) -> Tensor:
    if backend == "reference":
        return reference.grad_input(grad, weight, index.to(torch.int64), width)
    if pointer is None or output is None or position is None:
        pointer, output, position = Topology(index, width).inverse
    if backend == "triton":
        ends = torch.cat([pointer[:1, 0], pointer[:, 1]])
        return _triton().grad_input(grad, weight, (ends, position))
    wide = torch.promote_types(grad.dtype, torch.float32)
    return on_cpu.grad_input(grad.to(wide), weight.to(wide), pointer, output, position).to(grad.dtype)


@_grad_input.register_fake
def _(
    grad: Tensor,
    weight: Tensor,
    index: Tensor,
    pointer: Tensor | None,
    output: Tensor | None,
    position: Tensor | None,
    width: int,
    backend: str,
) -> Tensor:
    return grad.new_empty(grad.shape[0], width)


def _setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
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


torch.library.register_autograd("labkit::fixed_fan_in", _backward, setup_context=_setup_context)


def _chosen(x: Tensor, weight: Tensor, backend: str) -> Choice:
    """The backend that runs: the requested one, or the fastest for "auto"."""
    device = x.device.type
    if backend == "cpu" and device != "cpu":
        raise ValueError(f"backend 'cpu' needs tensors on the CPU, these are on {x.device}; use backend='auto'")
    if backend == "triton" and not _triton().available(x.device):
        raise ValueError(f"backend 'triton' cannot run on {x.device}; use backend='auto'")
    if backend != "auto":
        return Choice(backend, "requested")
    return choose(x.shape[0], x.shape[1], weight.shape[0], weight.shape[1], device)


def _for_gradient(backend: str, x: Tensor) -> str:
    """The backend of the gradients, which have no dense form: a compiled kernel instead."""
    if backend not in ("auto", "dense"):
        return backend
    return "cpu" if x.device.type == "cpu" else choose(1, 1, 1, 1, x.device.type).backend


def _dense(weight: Tensor, index: Tensor, width: int) -> Tensor:
    """Scatter `weight` to a dense matrix [N, D]."""
    return weight.new_zeros(weight.shape[0], width).scatter_add(1, index.to(torch.int64), weight)


def _triton() -> Any:
    from labkit.kernels import on_gpu  # local: importing Triton takes 0.4 s and a CPU needs none of it

    return on_gpu
