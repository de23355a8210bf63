"""The weights of a network that can be made sparse, and patterns of their names."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from labkit.layers import is_registered
from labkit.layers.hooks import is_patched
from labkit.layers.plain import folded, how_computed, how_to_fix, is_computed, is_linear_in_its_weight
from labkit.layers.sentences import stays_dense
from labkit.layers.ties import users_of_weights
from labkit.words import shortly


def eligible(model: nn.Module, exclude: Iterable[str] = ()) -> dict[str, nn.Parameter]:
    """Return the weight of every linear layer, convolution and attention projection that no pattern excludes.

    Layers in which a weight of zero is not a missing connection are left out, see `left_out`.

    Parameters
    ----------
    model : nn.Module
    exclude : iterable of str
        Patterns of layer or parameter names.

    Returns
    -------
    dict of str to nn.Parameter
        By parameter name; a weight that several layers share comes once.

    Raises
    ------
    ValueError
        When none is left.
    """
    found: dict[str, nn.Parameter] = {}
    patterns, out = list(exclude), left_out(model)
    for path, module in model.named_modules():
        own: dict[str, Any] = {}
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            # a parametrization such as spectral_norm changes its buffers when the weight is read
            own = {"weight": folded(module).weight if is_computed(module) else module.weight}
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            own = {"in_proj_weight": module.in_proj_weight}
        for key, weight in own.items() if path not in out else ():
            name = f"{path}.{key}" if path else key
            excluded = any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)
            if not excluded and not any(weight is other for other in found.values()):
                found[name] = weight
    if not found:
        what = f"every layer is excluded by {', '.join(patterns)}" if patterns else "the model has no linear layer or convolution"
        what = "; ".join([what, *stays_dense(out)]) if out else what
        raise ValueError(f"{what}; there is nothing to make sparse")
    return found


def left_out(model: nn.Module) -> dict[str, str]:
    """Return the layers that zeros in the weight do not make sparse.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of str to str
        Path -> the reason, a clause: the layer standardises its weight or otherwise computes something else before it multiplies,
        or another module than a layer uses the same weight.
    """
    ties, found = users_of_weights(model), {}
    for path, layer in model.named_modules():
        if not isinstance(layer, (nn.Linear, nn.Conv2d)) or is_registered(layer):
            continue
        if is_patched(layer):
            found[path] = "its forward was replaced on the instance"
        elif not is_computed(layer) and not is_linear_in_its_weight(layer):
            found[path] = f"{type(layer).__name__} changes its weight before it multiplies, so that a zero is no missing connection"
        elif path in ties and ties[path].others:
            found[path] = f"its weight is tied to {ties[path].others[0]}"
    return found


def check_trainable(model: nn.Module, found: Iterable[str]) -> None:
    """Check that weights can be made sparse in place, before any is changed.

    Parameters
    ----------
    model : nn.Module
    found : iterable of str
        Names of weights, as `eligible` returns them.

    Raises
    ------
    ValueError
        For a weight that is frozen, or computed from other parameters.
    """
    for name in found:
        path, _, key = name.rpartition(".")
        layer = model.get_submodule(path)
        remedy = f"or leave the layer out with exclude=[{path or name!r}]"
        if is_computed(layer):
            raise ValueError(
                f"the weight of layer {path!r} is computed by {how_computed(layer)}; {how_to_fix(layer)} first, {remedy}"
            )
        if not isinstance(layer._parameters.get(key), nn.Parameter):
            raise ValueError(f"the weight of layer {path!r} is not a parameter of it; make it one, {remedy}")
        if not layer._parameters[key].requires_grad:  # type: ignore[union-attr]
            raise ValueError(f"layer {path!r} is frozen; set requires_grad_(True) to train it, {remedy}")


def matching(found: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Names that match a pattern, with or without the name of the parameter; ValueError for a pattern that matches none."""
    names = []
    for pattern in patterns:
        hits = [name for name in found if fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern)]
        if not hits:
            raise ValueError(f"no sparse layer matches {shortly(pattern)}; there are {', '.join(found)}")
        names += hits
    return names
