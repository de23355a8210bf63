"""`untouched`, `restored`: run or read a network that belongs to someone else, and leave it as it was."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

P = ParamSpec("P")
Model = TypeVar("Model", bound=nn.Module)
Result = TypeVar("Result")
COPIED = 20_000_000  # parameters of a network up to which they are copied, some milliseconds


@contextmanager
def untouched(*models: nn.Module) -> Iterator[None]:
    """Put networks into eval mode without gradients, and restore everything that a forward pass may change.

    As `restored`, with gradients off inside (``torch.no_grad``, not inference mode: a tensor that a network caches in its first
    pass stays usable for training).

    Parameters
    ----------
    *models : nn.Module

    Yields
    ------
    None

    Raises
    ------
    ValueError
        For a network with lazy layers that have no weights yet.

    Examples
    --------
    >>> layer = nn.Dropout()
    >>> with untouched(layer):
    ...     print(layer.training)
    False
    >>> layer.training
    True
    """
    with restored(*models), torch.no_grad():
        yield


def leaves_untouched(function: Callable[Concatenate[Model, P], Result]) -> Callable[Concatenate[Model, P], Result]:
    """Make a function of a network run inside `restored`, without the fast path of attention.

    Hooks see nested tensors on that path, for example with a padding mask.

    Parameters
    ----------
    function : callable (network, …)

    Returns
    -------
    callable
    """

    @functools.wraps(function)
    def wrapped(model: Model, *args: P.args, **options: P.kwargs) -> Result:
        if not isinstance(model, nn.Module):
            return function(model, *args, **options)  # which says what is wrong with it
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with restored(model):
                return function(model, *args, **options)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)

    return wrapped


@contextmanager
def restored(*models: nn.Module) -> Iterator[None]:
    """Put networks into eval mode, and restore everything that a forward pass, or reading a weight, may change.

    Restored are the mode of every submodule, ``requires_grad`` of every parameter, values and names of buffers, tensors that a
    module keeps as plain attributes (caches, computed weights), lists that grew, weights (of networks with more than 20 million
    only where they are known to change: where a module has a ``train`` of its own, as LoRA, or a ``max_norm``), the number of
    threads, and the random state of torch, NumPy and Python.

    Parameters
    ----------
    *models : nn.Module

    Yields
    ------
    None

    Raises
    ------
    ValueError
        For a network with lazy layers that have no weights yet.
    """
    modules = list({id(module): module for model in models for module in model.modules()}.values())
    _check_initialised(modules)
    size = sum({id(p): p.numel() for model in models for p in model.parameters()}.values())
    before = [_Module(module, size <= COPIED) for module in modules]
    numpy_state, python_state, threads = np.random.get_state(), random.getstate(), torch.get_num_threads()  # noqa: NPY002
    devices = {p.device.index or 0 for model in models for p in model.parameters() if p.device.type == "cuda"}
    for model in models:
        if any(module.training for module in model.modules()):
            model.eval()
    try:
        with torch.random.fork_rng(devices=sorted(devices)):
            yield
    finally:
        for module in before:
            module.restore_mode()
        for module in before:
            module.restore()
        np.random.set_state(numpy_state)  # noqa: NPY002 - a network from outside may draw from it
        random.setstate(python_state)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _check_initialised(modules: list[nn.Module]) -> None:
    for module in modules:
        if any(p is not None and nn.parameter.is_lazy(p) for p in (*module._parameters.values(), *module._buffers.values())):
            raise ValueError(
                f"layer {type(module).__name__} has no weights before its first call; call the network once on an example before"
            )


class _Module:
    """What one module was like."""

    def __init__(self, module: nn.Module, copies: bool) -> None:
        self.module, self.mode = module, module.training
        self.flags = [(p, p.requires_grad) for p in module._parameters.values() if p is not None]
        # weights that a forward may change; of large networks they are copied only where it is known to
        self.own_train = type(module).train is not nn.Module.train or type(module).eval is not nn.Module.eval
        self.scripted = isinstance(module, torch.jit.ScriptModule)
        fixed = type(module).__module__.startswith("labkit.layers")  # their forwards change no buffer, and these can be large
        kept = [] if fixed else [b for b in module._buffers.values() if b is not None]
        writes = getattr(module, "max_norm", None) is not None  # embeddings are renormalised at a call
        if (copies or writes) and not self.scripted:
            kept += [p for p in module._parameters.values() if p is not None]
        elif self.own_train and not self.scripted:
            kept += [p for m in module.modules() for p in m._parameters.values() if p is not None]
        kept = [tensor for tensor in kept if tensor.device.type != "meta" and tensor.layout is torch.strided]
        kept = [tensor for tensor in kept if not hasattr(tensor, "__tensor_flatten__")]  # wrapped tensors have no comparison
        self.values = [(tensor, tensor.detach().clone()) for tensor in kept]
        self.buffers = None if self.scripted else dict(module._buffers)
        self.parameters = {} if self.scripted else dict(module._parameters)
        self.lists = [] if self.scripted else [(held, held[:]) for held in module.__dict__.values() if type(held) is list]
        self.attributes = {} if self.scripted else _plain_attributes(module)

    def restore_mode(self) -> None:
        """Call the module's own train() where it has one; its submodules follow later."""
        if self.own_train and not self.scripted and self.mode != self.module.training:
            self.module.train(self.mode)

    def restore(self) -> None:
        module = self.module
        if module.training != self.mode:
            module.training = self.mode
        for parameter, flag in self.flags:
            if parameter.requires_grad != flag:
                parameter.requires_grad_(flag)
        if self.buffers is not None:
            self._restore_names(self.buffers)
        for name, held_before in self.parameters.items():
            if module._parameters.get(name) is not held_before:
                module._parameters[name] = held_before
        for held, entries in self.lists:
            if len(held) != len(entries):
                held[:] = entries  # e.g. activations that a forward keeps
        with torch.no_grad():
            for tensor, value in self.values:
                if tensor.shape != value.shape:
                    tensor.data = value
                elif not torch.equal(tensor, value):
                    tensor.copy_(value)

    def _restore_names(self, buffers: dict[str, Tensor | None]) -> None:
        module = self.module
        if list(module._buffers) != list(buffers) or any(module._buffers[name] is not buffers[name] for name in buffers):
            module._buffers.clear()
            module._buffers.update(buffers)
        for name, value in self.attributes.items():
            if module.__dict__.get(name) is not value:
                module.__dict__[name] = value
        for name, value in _plain_attributes(module).items():
            if name not in self.attributes and isinstance(value, Tensor):
                del module.__dict__[name]  # cached in the first pass


def _plain_attributes(module: nn.Module) -> dict[str, Any]:
    """Return the tensors and Nones among the plain attributes of a module."""
    return {name: value for name, value in module.__dict__.items() if value is None or isinstance(value, Tensor)}
