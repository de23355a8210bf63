"""The weights of a network that can be made sparse, and patterns of their names."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from torch import nn


def eligible(model: nn.Module, exclude: Iterable[str] = ()) -> dict[str, nn.Parameter]:
    """Return the weight of every linear layer, convolution and attention projection that no pattern excludes.

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
    patterns = list(exclude)
    for path, module in model.named_modules():
        own: dict[str, Any] = {}
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            own = {"weight": module.weight}
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            own = {"in_proj_weight": module.in_proj_weight}
        for key, weight in own.items():
            name = f"{path}.{key}" if path else key
            excluded = any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)
            if not excluded and not any(weight is other for other in found.values()):
                found[name] = weight
    if not found:
        what = f"every layer is excluded by {', '.join(patterns)}" if patterns else "the model has no linear layer or convolution"
        raise ValueError(f"{what}; there is nothing to make sparse")
    return found


def matching(found: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Names that match a pattern, with or without the name of the parameter; ValueError for a pattern that matches none."""
    names = []
    for pattern in patterns:
        hits = [name for name in found if fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern)]
        if not hits:
            raise ValueError(f"no sparse layer matches {pattern!r}; there are {', '.join(found)}")
        names += hits
    return names
