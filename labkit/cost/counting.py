"""`count`: the operators that a network executes, and their multiply-accumulates by module."""

from __future__ import annotations

import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode, _FlopCounterMode

from labkit.cost.formulas import FORMULAS
from labkit.forwarding import Example, called

# operators of these namespaces only move, compare or measure, or are listed by name below
QUIET = frozenset(
    {"aten", "prim", "prims", "profiler", "higher_order", "torchao", "torch_ao", "quantized_decomposed", "_c10d_functional"}
)
# operators of ATen that multiply, but have no formula
UNCOUNTED = (
    "aten::_fft_",
    "aten::linalg_",
    "aten::_linalg_",
    "aten::cholesky",
    "aten::triangular_solve",
    "aten::lu_",
    "aten::ormqr",
    "aten::geqrf",
    "aten::_native_multi_head_attention",
    "aten::_transformer_encoder_layer_fwd",
    "aten::quantized_lstm",
    "aten::quantized_gru",
)
ELEMENTWISE = ("aten::linalg_vector_norm", "aten::_linalg_check_errors", "aten::linalg_cross", "aten::linalg_diagonal")
# operators of quantized networks that do not multiply
CONVERSIONS = ("quantize", "dequantize", "cat", "unpack", "prepack", "relu", "add", "max_pool", "embedding")


@dataclass
class Counts:
    """What one forward pass executed.

    Attributes
    ----------
    macs : dict of str to int
        Multiply-accumulates inside each module that ran, by its path; ``""`` is the whole network.
    own : dict of str to int
        Those in a module's own forward, outside its submodules.
    ran : set of str
        Paths of the modules that were called.
    uncounted : tuple of str
        Operators that multiply, or may, and have no formula.
    """

    macs: dict[str, int] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    uncounted: tuple[str, ...] = ()


def count(network: nn.Module, example: Example) -> Counts:
    """Run a network once and count its multiply-accumulates; call this inside `labkit.untouched.untouched`.

    Parameters
    ----------
    network : nn.Module
    example : Tensor, tuple or dict

    Returns
    -------
    Counts
    """
    places = _Places(network)
    counter = _Counter(places)
    with ExitStack() as stack:
        stack.enter_context(_unfused())
        stack.enter_context(_uncompiled())
        stack.enter_context(places)
        stack.enter_context(_Outer(counter))
        stack.enter_context(counter)
        called(network, example)
    macs = {name: flops // 2 for name, flops in counter.totals.items()}
    own = {name: flops // 2 for name, flops in counter.own.items()}
    return Counts({**macs, "": macs.get("", 0)}, own, places.ran, tuple(sorted(counter.uncounted)))


def is_counting(hook: object) -> bool:
    """Return whether a hook on all modules is one of `count`: it only looks, and may be there while another thread counts.

    Parameters
    ----------
    hook : object

    Returns
    -------
    bool
    """
    return isinstance(getattr(hook, "__self__", None), _Places)


class _Places:
    """The modules whose forward is running, by path; a module that is used in several places has the first one's path."""

    def __init__(self, network: nn.Module) -> None:
        self.names = {id(module): name for name, module in network.named_modules()}
        self.stack: list[str] = [""]
        self.ran: set[str] = set()
        self.thread = threading.get_ident()
        self.handles: list[Any] = []

    def __enter__(self) -> _Places:
        # hooks on all modules, so that none is registered on a network that belongs to someone else
        self.handles = [
            nn.modules.module.register_module_forward_pre_hook(self._entered),
            nn.modules.module.register_module_forward_hook(self._left, always_call=True),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _entered(self, module: nn.Module, _inputs: Any) -> None:
        if id(module) in self.names and threading.get_ident() == self.thread:
            self.stack.append(self.names[id(module)])
            self.ran.add(self.stack[-1])

    def _left(self, module: nn.Module, _inputs: Any, _output: Any) -> None:
        if id(module) in self.names and threading.get_ident() == self.thread and len(self.stack) > 1:
            self.stack.pop()


class _Counter(FlopCounterMode):
    """torch's counter with our formulas, our paths, and a record of operators without a formula."""

    def __init__(self, places: _Places) -> None:
        super().__init__(display=False, custom_mapping=FORMULAS)
        self.places = places
        self.totals: Counter[str] = Counter()
        self.own: Counter[str] = Counter()
        self.uncounted: set[str] = set()

    def __enter__(self) -> _Counter:
        # without torch's tracker of modules, which hooks gradients and fails for parameters that are expanded
        self.mode = _Mode(self)
        self.mode.__enter__()
        return self

    def __exit__(self, *args: Any) -> None:
        mode, self.mode = self.mode, None
        if mode is not None:
            mode.__exit__(*args)

    def add(self, flops: int) -> None:
        """Add FLOPs to the modules that are running."""
        for name in {"", *self.places.stack}:
            self.totals[name] += flops
        self.own[self.places.stack[-1]] += flops

    def _count_flops(self, func_packet: Any, out: Any, args: Any, kwargs: Any) -> Any:
        formula = self.flop_registry.get(func_packet)
        if formula is not None:
            self.add(int(formula(*args, **kwargs, out_val=out)))
        elif _multiplies(getattr(func_packet, "_qualified_op_name", "")):
            self.uncounted.add(func_packet._qualified_op_name)
        return out


class _Mode(_FlopCounterMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "_overloadpacket", None) in FORMULAS:  # counted whole, even where it could be taken apart
            kwargs = kwargs or {}
            return self.counter._count_flops(func._overloadpacket, func(*args, **kwargs), args, kwargs)
        return super().__torch_dispatch__(func, types, args, kwargs)


def _multiplies(name: str) -> bool:
    namespace, _, operator = name.partition("::")
    if namespace == "quantized":
        return not any(word in operator for word in CONVERSIONS)
    return name.startswith(UNCOUNTED) and not name.startswith(ELEMENTWISE) if namespace in QUIET else bool(namespace)


class _Outer(TorchFunctionMode):
    """Outer products and row-wise dot products, which reach the counter as elementwise products."""

    def __init__(self, counter: _Counter) -> None:
        super().__init__()
        self.counter = counter

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in PRODUCTS:
            return func(*args, **kwargs)
        before = self.counter.totals[""]
        out = func(*args, **kwargs)
        if self.counter.totals[""] == before and isinstance(out, torch.Tensor):
            self.counter.add(2 * PRODUCTS[func](out, *args))
        return out


def _entries(out: torch.Tensor, *_: Any) -> int:
    return out.numel()


def _summed(_out: torch.Tensor, *args: Any) -> int:
    return math.prod(torch.broadcast_shapes(args[0].shape, args[1].shape)) if len(args) > 1 else 0


def _einsum(out: torch.Tensor, *args: Any) -> int:
    """An einsum that sums over nothing is an outer product; of one operand it only moves entries."""
    operands = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
    return out.numel() if len(operands) > 1 else 0


PRODUCTS: dict[Any, Callable[..., int]] = {
    torch.outer: _entries,
    torch.Tensor.outer: _entries,
    torch.ger: _entries,
    torch.Tensor.ger: _entries,
    torch.linalg.vecdot: _summed,
    torch.einsum: _einsum,
}


@contextmanager
def _unfused() -> Iterator[None]:
    """Disable nn.MultiheadAttention's fast path, an opaque operator that would count as zero."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Run compiled networks as written; without torch._dynamo, which is slow to import, there are none."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
