"""Fingerprints of a network and of data, by content and quick enough to be taken at every question."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module

from labkit.cost.counting import is_counting
from labkit.layers import facts_of
from labkit.live.content import Reader

Fingerprint = dict[tuple[str, str], Any]


def fingerprint(model: nn.Module) -> Fingerprint:
    """Return everything that a network's figures depend on.

    Of every module its class with its code, plain attributes, hooks, parameters and buffers; and which of them are one.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of (str, str) to object
        (Path of a module, name of what it holds) -> content. Modes, ``requires_grad`` and the notes of labkit are left out.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> before = fingerprint(layer)
    >>> layer.bias.data.numpy()[0] = 7
    >>> difference(before, fingerprint(layer))
    {('', '_parameters.bias')}
    """
    paths: dict[int, str] = {}
    modules = list(model.named_modules(remove_duplicate=False))
    for path, module in modules:
        paths.setdefault(id(module), path)
    reader, bookkeeping = Reader(paths), set(facts_of(model))
    found: Fingerprint = {}
    for path, module in modules:
        if paths[id(module)] != path:
            found[path, "same as"] = paths[id(module)]
            continue
        for name, content in reader.read_module(module):
            if path or name not in bookkeeping:
                found[path, name] = content
    found["", "ties"] = _ties(model)
    found["", "global hooks"] = tuple(map(id, _global_hooks()))
    return found


def _ties(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """Names of parameters that are another one."""
    first: dict[int, str] = {}
    return tuple(
        (name, first[id(parameter)])
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if first.setdefault(id(parameter), name) != name
    )


def _global_hooks() -> list[Any]:
    """Hooks on all modules; without those that count for another thread, which come and go and change no figure."""
    hooks = [*torch_module._global_forward_hooks.values(), *torch_module._global_forward_pre_hooks.values()]
    return [hook for hook in hooks if not is_counting(hook)]


def hooked(model: nn.Module) -> bool:
    """Return whether anything hooks into the forward pass of a network.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    bool
    """
    return bool(_global_hooks()) or any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def difference(one: Fingerprint, other: Fingerprint) -> set[tuple[str, str]]:
    """Return where two networks differ.

    Parameters
    ----------
    one, other : dict
        As `fingerprint` returns them.

    Returns
    -------
    set of (str, str)
        Paths of modules, and what differs there.
    """
    missing = object()
    return {key for key in one.keys() | other.keys() if one.get(key, missing) != other.get(key, missing)}


def fingerprint_of_data(data: Any) -> Any:
    """Return the content of a split, a data set, or tensors.

    Parameters
    ----------
    data : Split, Dataset, Tensor, dict of Tensors or None

    Returns
    -------
    object
        Equal for equal contents; hashable.
    """
    return Reader().read(data)
