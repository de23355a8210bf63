"""Activations of the unchanged first blocks of a network, computed once and reused for every setting of a slider."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict

import torch
from torch import Tensor, nn

LIMIT = 256 * 2**20  # bytes of activations kept for one reference model


class PrefixCache:
    """Skip the blocks of a compressed copy that come before its first changed layer.

    A block is a child of the network, or of an nn.Sequential among its children, that maps one tensor to one tensor. The last
    unchanged block is replaced by its stored output, and the blocks before it by their stored shapes. Whether that is valid (no
    later block reads an earlier activation) is checked: on its first use the shortened network must give the same output as the
    whole one, otherwise the cache is not used.

    Thread-safe; one cache serves one reference model.

    Parameters
    ----------
    reference : nn.Module
    """

    def __init__(self, reference: nn.Module) -> None:
        self.reference = reference
        self._lock = threading.Lock()
        self._outputs: OrderedDict[tuple, Tensor] = OrderedDict()
        self._order: dict[str, tuple[int, ...]] | None = None
        self._allowed: dict[str, bool] = {}

    def run(self, model: nn.Module, changed: set[str], x: Tensor, batch: tuple[int, int]) -> Tensor:
        """Return ``model(x)``, a copy of the reference in which only layers under the paths `changed` differ.

        Parameters
        ----------
        model : nn.Module
        changed : set of str
            Paths of layers or parameters.
        x : Tensor, [n, ...]
        batch : (start, stop)
            Identifies the rows in `x`; the same rows have the same stored activations.

        Returns
        -------
        Tensor, [n, C]
        """
        last = self._last_unchanged(changed, x)
        if last is None or self._allowed.get(last) is False:
            return model(x)
        stored = self._stored(last, x, batch)
        short = _shortened(model, self._before(last), last, stored)
        if last in self._allowed:
            return short(x)
        whole = model(x)
        try:
            result = short(x)
            same = result.shape == whole.shape and torch.allclose(result, whole, rtol=1e-4, atol=1e-5)
        except RuntimeError:  # a shape that the network's own code between blocks does not expect
            same = False
        with self._lock:
            self._allowed[last] = same
        return whole

    def _last_unchanged(self, changed: set[str], x: Tensor) -> str | None:
        """The last block before the first one with a changed layer."""
        with self._lock:
            if self._order is None:
                self._order = _blocks_in_order(self.reference, x[:1])
        last = None
        for path in self._order:
            if any(name == path or name.startswith(f"{path}.") for name in changed):
                break
            last = path
        return last

    def _before(self, last: str) -> dict[str, tuple[int, ...]]:
        order = self._order or {}
        return {path: order[path] for path in list(order)[: list(order).index(last)]}

    def _stored(self, path: str, x: Tensor, batch: tuple[int, int]) -> Tensor:
        key = (path, batch)
        with self._lock:
            if key in self._outputs:
                self._outputs.move_to_end(key)
                return self._outputs[key]
        output = _output_of(self.reference, path, x)
        with self._lock:
            self._outputs[key] = output
            while len(self._outputs) > 1 and sum(t.nbytes for t in self._outputs.values()) > LIMIT:
                self._outputs.popitem(last=False)
        return output


class _Stored(nn.Module):
    """Returns a stored tensor for every input; a plain attribute, so that it is not part of the state dict."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: Tensor) -> Tensor:
        return self.output


class _Skipped(nn.Module):
    """Returns uninitialised memory of the right shape, which the stored block after it ignores."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor, *_: Tensor) -> Tensor:
        return x.new_empty((x.shape[0], *self.shape))


def _candidates(model: nn.Module) -> list[str]:
    paths: list[str] = []
    for name, child in model.named_children():
        inner = [f"{name}.{part}" for part, _ in child.named_children()] if type(child) is nn.Sequential else []
        paths += inner or [name]
    return paths


def _blocks_in_order(model: nn.Module, x: Tensor) -> dict[str, tuple[int, ...]]:
    """Candidate blocks in execution order with their output shapes, up to the first that does not map one tensor to one tensor."""
    order: list[tuple[str, tuple[int, ...] | None]] = []
    handles = []
    for path in _candidates(model):

        def note(_m: nn.Module, inputs: tuple, output: object, path: str = path) -> None:
            plain = len(inputs) == 1 and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)
            order.append((path, tuple(output.shape[1:]) if plain else None))  # type: ignore[attr-defined]

        handles.append(model.get_submodule(path).register_forward_hook(note))
    try:
        with torch.inference_mode():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    good: dict[str, tuple[int, ...]] = {}
    for path, shape in order:
        if shape is None or path in good:
            break
        good[path] = shape
    return good


class _Stop(Exception):
    """Ends a forward pass as soon as the output of the block is known."""

    def __init__(self, output: Tensor) -> None:
        self.output = output


def _output_of(model: nn.Module, path: str, x: Tensor) -> Tensor:
    """The output of one block; a copy of the outer structure is run, so that other threads' passes are not stopped."""
    outer = copy.copy(model)
    outer._modules = dict(model._modules)

    class Tap(nn.Module):
        def __init__(self, block: nn.Module) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: Tensor) -> Tensor:
            raise _Stop(self.block(x))

    _put(outer, path, Tap(model.get_submodule(path)))
    try:
        outer(x)
    except _Stop as stop:
        return stop.output
    raise RuntimeError(f"block {path!r} did not run")


def _shortened(model: nn.Module, skipped: dict[str, tuple[int, ...]], last: str, output: Tensor) -> nn.Module:
    """A shallow copy of `model` (weights shared) with stored output in place of `last` and nothing before it."""
    short = copy.copy(model)
    short._modules = dict(model._modules)
    for path, shape in skipped.items():
        _put(short, path, _Skipped(shape))
    _put(short, last, _Stored(output))
    return short


def _put(outer: nn.Module, path: str, block: nn.Module) -> None:
    """Replace a block in a shallow copy without touching what the copy shares with its original."""
    parent, _, name = path.rpartition(".")
    if not parent:
        outer._modules[name] = block
        return
    stack = outer._modules[parent]
    if not getattr(stack, "_is_shallow_copy", False):
        stack = copy.copy(stack)
        stack._modules = dict(stack._modules)  # type: ignore[union-attr]
        stack._is_shallow_copy = True  # type: ignore[union-attr]
        outer._modules[parent] = stack
    stack._modules[name] = block  # type: ignore[union-attr]
