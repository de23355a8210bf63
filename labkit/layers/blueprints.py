"""Architectures of nn.Sequential models as JSON, so that they can be rebuilt without pickle."""

from __future__ import annotations

import inspect
import json
from typing import Any

from torch import nn

from labkit.layers.hooks import customised
from labkit.layers.limits import TooLargeError, build_within_limits, check_numbers
from labkit.layers.manifest import LAYERS, empty_layer, reason_of
from labkit.words import shortly


def blueprint(module: nn.Module) -> dict | None:
    """Describe an nn.Sequential (or a single layer) of torch.nn layers and registered layers.

    Constructor arguments are read from the attributes of the same name, as torch.nn layers keep them. A module used in several
    places is described once; its other places are ``{"same_as": path}``.

    Parameters
    ----------
    module : nn.Module
        The model.

    Returns
    -------
    dict or None
        JSON types for `build`; None if the architecture cannot be described, e.g. because hooks or replaced forwards are part of
        what it computes.
    """
    return None if customised(module) else _described(module, "", {})


def _described(module: nn.Module, path: str, first: dict[int, str]) -> dict | None:
    if first.setdefault(id(module), path) != path:
        return {"same_as": first[id(module)]}
    kind = type(module)
    if kind is nn.Sequential:
        # not named_children, which skips the second place of a shared module
        parts = {name: _described(child, _join(path, name), first) for name, child in module._modules.items() if child is not None}
        return None if None in parts.values() else {"type": "Sequential", "parts": parts}
    if LAYERS.get(kind.__name__) is kind:
        return {"type": kind.__name__, "spec": module.spec()}  # type: ignore[operator]
    if getattr(nn, kind.__name__, None) is not kind or any(True for _ in module.children()):
        return None
    arguments = _arguments(module)
    return None if arguments is None else {"type": kind.__name__, "arguments": arguments}


def build(plan: dict) -> nn.Module:
    """Build the model that `blueprint` described, with random weights.

    Parameters
    ----------
    plan : dict
        As returned by `blueprint`.

    Returns
    -------
    nn.Module
        In training mode, as torch builds it.

    Raises
    ------
    ValueError
        If a layer type is unknown (its plugin is not loaded), an argument is none that it takes, or the network is beyond the
        limits of `labkit.layers.limits`.
    """
    check_numbers("the described network", plan)
    return build_within_limits("the described network", lambda: _built(plan, "", {}))


def _built(plan: dict, path: str, made: dict[str, nn.Module]) -> nn.Module:
    if not isinstance(plan, dict) or not (plan.keys() & {"same_as", "parts", "spec", "type"}):
        raise ValueError(f"layer {path!r} is described by {shortly(plan, 60)}, not by its type and arguments; make the run again")
    if "same_as" in plan:
        if plan["same_as"] not in made:
            raise ValueError(f"layer {path!r} is the same as {shortly(plan['same_as'], 60)}, which is no layer before it")
        return made[plan["same_as"]]
    if "parts" in plan:
        made[path] = stack = nn.Sequential()
        for name, part in plan["parts"].items():
            stack.add_module(name, _built(part, _join(path, name), made))
        return stack
    if "spec" in plan:
        made[path] = empty_layer(plan)
    else:
        made[path] = _layer(path, plan)
    return made[path]


def _layer(path: str, plan: dict) -> nn.Module:
    """Build a layer of torch.nn."""
    kind = getattr(nn, str(plan["type"]), None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)) or kind.__name__.startswith("Transformer"):
        raise ValueError(f"layer {path!r} is of the type {shortly(plan['type'], 60)}, which is no single layer of torch.nn")
    try:
        return kind(**plan.get("arguments", {}))
    except (TooLargeError, MemoryError):
        raise
    except Exception as error:  # constructors raise errors of many types for arguments that they do not take
        raise ValueError(f"layer {path!r} cannot be a {kind.__name__}: {reason_of(error)}") from error


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _arguments(module: nn.Module) -> dict[str, Any] | None:
    """Constructor arguments read from the attributes of a layer, in JSON types; None if a required one is missing."""
    if type(module) is nn.Identity:  # accepts any arguments and stores none
        return {}
    found: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(type(module).__init__).parameters.items())[1:]:
        if name in ("device", "dtype") or parameter.kind is parameter.VAR_KEYWORD:
            continue
        value = getattr(module, name, parameter.default)
        value = value is not None if name == "bias" else value
        if value is inspect.Parameter.empty:
            return None
        try:
            json.dumps(value)
        except TypeError:
            return None
        found[name] = value
    return found
