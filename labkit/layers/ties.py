"""Tied weights: one parameter that several layers use, e.g. an embedding and the layer that decodes it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch import nn

from labkit.layers.plain import base_of


@dataclass(frozen=True)
class Users:
    """Who holds the weight of a layer beside the layer itself.

    Parameters
    ----------
    twins : list of str
        Paths of layers of the same kind and geometry, which can share a new weight as they share the old one.
    others : list of str
        Everything else: "Embedding e", or "parameter w".
    """

    twins: list[str]
    others: list[str]


def users_of_weights(model: nn.Module) -> dict[str, Users]:
    """Return the layers whose weight is tied.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of str to Users
        By path of each linear layer or convolution that shares its weight, in module order.
    """
    holders: dict[int, list[tuple[str, nn.Module, str]]] = {}
    for path, module in model.named_modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                holders.setdefault(id(parameter), []).append((path, module, name))
    found = {}
    for held in holders.values():
        for path, module, name in held if len(held) > 1 else ():
            if name != "weight" or base_of(module) is None:
                continue
            rest = [(place, other, leaf) for place, other, leaf in held if (place, leaf) != (path, name)]
            alike = [place for place, other, leaf in rest if leaf == "weight" and _geometry(other) == _geometry(module)]
            others = [_named(place, other, leaf) for place, other, leaf in rest if place not in alike]
            found[path] = Users(alike, others)
    return found


def _geometry(layer: Any) -> tuple:
    """What of a layer decides its output, beside weight and bias."""
    base = base_of(layer)
    if base is None or base is nn.Linear:
        return (base,)
    return (base, layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode)


def _named(path: str, module: nn.Module, leaf: str) -> str:
    if leaf == "weight":
        return f"{type(module).__name__} {path}"
    return f"parameter {path}.{leaf}" if path else f"parameter {leaf}"


def twin_of(new: nn.Module, old: Any) -> nn.Module:
    """Return a copy of a new layer that shares its weight, in whatever form, and has the bias of another old layer.

    Parameters
    ----------
    new : nn.Module
        In the place of a layer whose weight is tied to that of `old`.
    old : nn.Module

    Returns
    -------
    nn.Module
    """
    twin = copy.deepcopy(new)
    for mine, theirs in zip(twin.modules(), new.modules(), strict=True):
        for store in ("_parameters", "_buffers"):
            for name, tensor in getattr(theirs, store).items():
                if name != "bias":
                    getattr(mine, store)[name] = tensor
    holder: Any = next((part for part in twin.modules() if part._parameters.get("bias") is not None), twin)
    holder.bias = None if old.bias is None else nn.Parameter(old.bias.detach().clone(), requires_grad=old.bias.requires_grad)
    return twin
