"""The origin of a model's architecture as JSON, from which a stored run is rebuilt."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from labkit.layers import attach_facts, blueprint, build, describe_layers, facts_of, rebuild_layers
from labkit.models.catalogue import architecture


def source_of(model: nn.Module) -> dict[str, Any] | None:
    """Describe the architecture of a model for `rebuild`.

    Models of `labkit.models.load` are described by name and options, sequences of torch.nn layers by their blueprint. For other
    classes, only the replaced layers are described, and `rebuild` needs the original model.

    Parameters
    ----------
    model : nn.Module
        The model.

    Returns
    -------
    dict or None
        JSON types.
    """
    origin = getattr(model, "labkit_origin", None)
    layers, plan = describe_layers(model), None if origin is not None else blueprint(model)
    source = {"origin": origin, "layers": layers} if origin is not None else {"layers": layers}
    facts = facts_of(model)
    return {**(source if plan is None else {"blueprint": plan}), **({"facts": facts} if facts else {})}


def rebuild(source: dict[str, Any], base: nn.Module | None = None) -> nn.Module:
    """Build the architecture that `source_of` described, without its weights.

    Parameters
    ----------
    source : dict
        As returned by `source_of`.
    base : nn.Module, optional
        For other classes, the original model that was compressed; it is copied.

    Returns
    -------
    nn.Module
        In eval mode.

    Raises
    ------
    ValueError
        If `base` is needed but not given.
    """
    return attach_facts(_rebuilt(source, base), **source.get("facts", {})).eval()


def _rebuilt(source: dict[str, Any], base: nn.Module | None) -> nn.Module:
    if "blueprint" in source:
        return build(source["blueprint"])
    if base is not None:
        model = copy.deepcopy(base)
    elif "origin" in source:
        model = architecture(source["origin"])
    else:
        raise ValueError("the architecture of this run is a user-defined class; give base=, the model it was compressed from")
    return rebuild_layers(model, source["layers"])
