"""Layers that no new layer can stand for, and why: what `select_layers` leaves out."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from labkit.layers.hooks import is_patched, state_hooks
from labkit.layers.manifest import is_registered
from labkit.layers.plain import base_of, computes_alike, is_computed
from labkit.layers.reading import read_layers
from labkit.layers.ties import Users, users_of_weights

# what torch keeps in every module; a replaced forward is looked at by itself
INTERNAL = frozenset(vars(nn.Module())) | {"forward"}


def closed_layers(model: nn.Module, kinds: tuple[type[nn.Module], ...], ties: dict[str, Users] | None = None) -> dict[str, str]:
    """Return why layers of `kinds` have to stay as they are.

    Parameters
    ----------
    model : nn.Module
    kinds : tuple of classes
    ties : dict of str to Users, optional
        As `users_of_weights` returns them.

    Returns
    -------
    dict of str to str
        Path -> the reason, a clause. Layers that labkit made itself are not in question.
    """
    ties = users_of_weights(model) if ties is None else ties
    layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, kinds) and not is_registered(layer)}
    found = dict(_inside_closed(model, layers))
    read = read_layers(model) if len(found) < len(layers) else {}
    for path, layer in layers.items():
        reason = found.get(path) or _by_itself(layer) or read.get(path) or _tied(ties.get(path))
        if reason:
            found[path] = reason
    # a twin of a layer that stays has to stay too
    for path, users in ties.items():
        stays = next((twin for twin in users.twins if twin in found), None)
        if stays and path in layers:
            found.setdefault(path, f"its weight is tied to that of {stays}, which stays")
    return {path: found[path] for path in layers if path in found}


def is_wrapped(layer: nn.Module) -> bool:
    """Whether the weight is a tensor subclass already, e.g. quantized."""
    return hasattr(layer.weight, "__tensor_flatten__")


def _by_itself(layer: Any) -> str:
    """Why a layer cannot be replaced, of what can be seen of it alone; "" where it can."""
    if is_patched(layer):
        return "its forward was replaced on the instance"
    if state_hooks(layer) and not is_computed(layer):
        return "it has hooks on its state dict, which would not fit another layer"
    if is_lazy(layer._parameters.get("weight")):
        return "its weights are not there before a first call; run one example through the network"
    if not isinstance(layer._parameters.get("weight"), torch.Tensor) and not is_computed(layer):
        return "its weight is computed in a way that labkit does not know"
    if not is_computed(layer) and is_wrapped(layer):
        return "its weight is in a compressed form already"
    weight = layer._parameters.get("weight")
    if isinstance(weight, torch.Tensor) and weight.is_complex():
        return "its weights are complex numbers"
    if isinstance(weight, torch.Tensor) and not weight.numel():
        return "it has no weights"
    if not computes_alike(layer):
        base: Any = base_of(layer)
        return f"{type(layer).__name__} computes something else than nn.{base.__name__}"
    return ""


def _tied(users: Users | None) -> str:
    return f"its weight is tied to {users.others[0]}" if users and users.others else ""


def _inside_closed(model: nn.Module, layers: dict[str, nn.Module]) -> Iterator[tuple[str, str]]:
    """Layers within modules that read them past their forward, or whose forward still calls the layers of the original."""
    own = {id(module) for module in model.modules()}
    for path, module in model.named_modules():
        reason = ""
        if isinstance(module, nn.MultiheadAttention):
            reason = "nn.MultiheadAttention reads its weight without calling it"
        elif is_compiled(module):
            continue  # its copy is compiled again
        elif any(id(held) in own for held in held_by(vars(module).get("forward"))) and base_of(module) is None:
            what = f"of {path}" if path else "of the network"
            reason = f"the forward {what} was replaced on the instance, by a function that holds on to the original's layers"
        if reason:
            yield from ((place, reason) for place in layers if not path or place.startswith(f"{path}."))
        yield from _held_aside(path, module, layers)


def _held_aside(path: str, module: nn.Module, layers: dict[str, nn.Module]) -> Iterator[tuple[str, str]]:
    """Layers that a module also holds in plain attributes, where a copy of the network keeps the dense layer."""
    for name, value in vars(module).items():
        if name in INTERNAL or is_compiled(module):
            continue
        direct: set[int] = set()
        whole: set[int] = set()
        for held, is_copied in _modules_in(value):
            (direct if is_copied else whole).add(id(held))
            if not is_copied:
                whole |= {id(part) for part in held.modules()}
        for place, layer in layers.items():
            if id(layer) in direct | whole:
                yield place, f"the network also holds it outside its submodules ({path + '.' if path else ''}{name})"


def _modules_in(value: Any, depth: int = 4) -> Iterator[tuple[nn.Module, bool]]:
    """Modules in a plain attribute, and whether a copy of the network holds copies of them; functions keep the original's."""
    if isinstance(value, nn.Module):
        yield value, True
    elif isinstance(value, types.MethodType):
        if isinstance(value.__self__, nn.Module):
            yield value.__self__, True
    elif isinstance(value, (list, tuple, set, dict)) and depth:
        for part in value.values() if isinstance(value, dict) else value:
            yield from _modules_in(part, depth - 1)
    elif isinstance(value, (types.FunctionType, functools.partial)):
        yield from ((held, False) for held in held_by(value))


def is_compiled(module: nn.Module) -> bool:
    """Whether a module is what torch.compile returns."""
    return type(module).__name__ == "OptimizedModule"


def held_by(function: Any) -> Iterator[nn.Module]:
    """Modules that a function refers to in ways that a copy of the network does not follow: closures, defaults and globals."""
    while not isinstance(function, types.FunctionType):
        function = getattr(function, "func", None) or getattr(function, "__func__", None)
        if function is None:
            return
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # an empty cell
            continue
    names = [name for name in function.__code__.co_names if name in function.__globals__]
    values = [*cells, *(function.__defaults__ or ()), *(function.__globals__[name] for name in names)]
    for value in values:
        if isinstance(value, nn.Module):
            yield value
        elif isinstance(getattr(value, "__self__", None), nn.Module):
            yield value.__self__
        elif isinstance(value, types.FunctionType) and value is not function and value in cells:
            yield from held_by(value)
