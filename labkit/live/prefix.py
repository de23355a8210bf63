"""Activations of the unchanged first blocks of a network, computed once and reused for every setting of a slider."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from labkit.live.fingerprint import hooked
from labkit.training import logits_of

LIMIT = 256 * 2**20  # bytes of activations kept for one reference model
CHECKED = 64  # rows of a network's first batch that are run in full; a row that reads what is skipped turns NaN in any batch
Order = dict[str, tuple[tuple[int, ...], torch.dtype]]


class PrefixCache:
    """Skip the blocks of a compressed copy that come before its first changed layer.

    A block is a child of the network, or of an nn.Sequential among its children, that maps one tensor to one tensor. The last
    unchanged block is replaced by its stored output, and the blocks before it by NaN of their shape. Whether that is valid (no
    later block reads an earlier activation or a weight of a skipped block, nothing is drawn at random) is checked for each
    compressed network: the beginning of its first batch is run in full and compared, and the short form is used only where they
    agreed. A batch in which NaN or any error shows up is run in full, as is every batch of a network with hooks.

    Thread-safe; one cache serves one reference model that does not change.

    Parameters
    ----------
    reference : nn.Module
        In eval mode whenever the cache is used.
    """

    def __init__(self, reference: nn.Module) -> None:
        self.reference = reference
        self.off = False  # set where the network does not allow short forms at all
        self._lock = threading.Lock()
        self._outputs: OrderedDict[tuple, Tensor] = OrderedDict()
        self._order: Order | None = None
        self._agreed: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()

    def run(self, model: nn.Module, changed: set[str], x: Tensor, batch: tuple[int, int]) -> Tensor:
        """Return the logits of ``model(x)``, a copy of the reference in which only modules under the paths `changed` differ.

        Parameters
        ----------
        model : nn.Module
        changed : set of str
            Paths of modules; "" where the network itself differs.
        x : Tensor, [n, ...]
        batch : (start, stop)
            Identifies the rows in `x`; the same rows have the same stored activations.

        Returns
        -------
        Tensor, [n, C]
        """
        agreed = self._agreed.get(model)
        last = None if self.off or agreed is False else self._last_unchanged(model, changed, x)
        if last is None:
            return logits_of(model(x))
        if agreed:
            short = self._short(model, last, x, batch)
            if short is not None:
                return short
            self._agreed[model] = False
            return logits_of(model(x))
        short = self._short(model, last, x.clone(), batch)  # a network may write into its input
        self._agreed[model] = short is not None and _same(short[:CHECKED], logits_of(model(x[:CHECKED].clone())))
        return short if short is not None and self._agreed[model] else logits_of(model(x))

    def _short(self, model: nn.Module, last: str, x: Tensor, batch: tuple[int, int]) -> Tensor | None:
        """The logits of the short form; None where it fails or reads what is not there."""
        try:
            stored = self._stored(last, x, batch)
            found = logits_of(_shortened(model, self._before(last), last, stored)(x))
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception:  # a network may do anything between its blocks: with keywords, shapes, weights of a skipped block
            return None
        return None if torch.isnan(found).any() else found

    def _last_unchanged(self, model: nn.Module, changed: set[str], x: Tensor) -> str | None:
        """The last block before the first one with a changed layer; None where nothing can be skipped."""
        if "" in changed or hooked(self.reference) or hooked(model):
            return None
        with self._lock:
            if self._order is None:
                try:
                    self._order = _blocks_in_order(self.reference, x[:1].clone())
                except (torch.OutOfMemoryError, MemoryError):
                    raise
                except Exception:  # a network that takes no single example, or no hook
                    self._order = {}
        last = None
        for path in self._order:
            if any(name == path or name.startswith(f"{path}.") or path.startswith(f"{name}.") for name in changed):
                break
            last = path
        return last

    def _before(self, last: str) -> Order:
        order = self._order or {}
        return {path: order[path] for path in list(order)[: list(order).index(last)]}

    def _stored(self, path: str, x: Tensor, batch: tuple[int, int]) -> Tensor:
        key = (path, batch)
        with self._lock:
            if key in self._outputs:
                self._outputs.move_to_end(key)
                return self._outputs[key]
        output = _output_of(self.reference, path, x.clone())
        with self._lock:
            self._outputs[key] = output
            while len(self._outputs) > 1 and sum(t.nbytes for t in self._outputs.values()) > LIMIT:
                self._outputs.popitem(last=False)
        return output


def _same(short: Tensor, whole: Tensor) -> bool:
    if short.shape != whole.shape or short.dtype != whole.dtype:
        return False
    return torch.allclose(short, whole, rtol=1e-4, atol=1e-5) and torch.equal(short.argmax(-1), whole.argmax(-1))


class _Stored(nn.Module):
    """Returns a copy of a stored tensor for every input; a plain attribute, so that it is not part of the state dict."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, _: Tensor) -> Tensor:
        return self.output.clone()  # the next block may write into it


class _Skipped(nn.Module):
    """Returns NaN of the right shape, which the stored block after it ignores and any other reader passes on to the result."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.shape, self.dtype = shape, dtype

    def forward(self, x: Tensor) -> Tensor:
        return torch.full((x.shape[0], *self.shape), torch.nan, dtype=self.dtype, device=x.device)


def _candidates(model: nn.Module) -> list[str]:
    paths: list[str] = []
    for name, child in model.named_children():
        inner = [f"{name}.{part}" for part, _ in child.named_children()] if type(child) is nn.Sequential else []
        paths += inner or [name]
    return paths


def _blocks_in_order(model: nn.Module, x: Tensor) -> Order:
    """Candidate blocks in execution order with their outputs' shapes, up to the first that is called in another way than once with
    one tensor, or does not return one."""
    order: list[tuple[str, tuple[tuple[int, ...], torch.dtype] | None]] = []
    handles = []
    for path in _candidates(model):

        def note(_m: nn.Module, inputs: tuple, named: dict, output: object, path: str = path) -> None:
            plain = len(inputs) == 1 and not named and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)
            whole = plain and output.ndim > 0 and len(output) == len(x) == len(inputs[0]) and output.is_floating_point()  # type: ignore[attr-defined, arg-type]
            order.append((path, (tuple(output.shape[1:]), output.dtype) if whole else None))  # type: ignore[attr-defined]

        handles.append(model.get_submodule(path).register_forward_hook(note, with_kwargs=True))
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    paths = [path for path, _ in order]
    good: Order = {}
    for path, facts in order:
        if facts is None or paths.count(path) > 1:
            break
        good[path] = facts
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


def _shortened(model: nn.Module, skipped: Order, last: str, output: Tensor) -> nn.Module:
    """A shallow copy of `model` (weights shared) with stored output in place of `last` and nothing before it."""
    short = copy.copy(model)
    short._modules = dict(model._modules)
    for path, (shape, dtype) in skipped.items():
        _put(short, path, _Skipped(shape, dtype))
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
