"""Where a module's architecture comes from, in plain JSON: it travels with every copy and lets a stored run be rebuilt."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from labkit.layers import attach_facts, blueprint, build, describe_layers, facts_of, rebuild_layers


def source_of(model: nn.Module) -> dict[str, Any] | None:
    """Return what `rebuild` needs to make an empty model of this architecture, or None when it cannot be known.

    Models of `labkit.models.load` are known by name and options, stacks of torch.nn layers by their blueprint; a user's own class
    is not known, and `rebuild` then needs the model it was compressed from.
    """
    origin = getattr(model, "labkit_origin", None)
    layers, plan = describe_layers(model), None if origin is not None else blueprint(model)
    source = {"origin": origin, "layers": layers} if origin is not None else {"layers": layers}
    facts = facts_of(model)
    return {**(source if plan is None else {"blueprint": plan}), **({"facts": facts} if facts else {})}


def rebuild(source: dict[str, Any], base: nn.Module | None = None) -> nn.Module:
    """Build the architecture that `source_of` described; weights are still to be filled in.

    Parameters
    ----------
    source : dict
    base : nn.Module, optional
        For a model class of the user's own: the model it was compressed from (copied, not changed).

    Raises
    ------
    ValueError
        When the architecture is the user's own and `base` is not given.
    """
    return attach_facts(_rebuilt(source, base), **source.get("facts", {})).eval()


def _rebuilt(source: dict[str, Any], base: nn.Module | None) -> nn.Module:
    if "blueprint" in source:
        return build(source["blueprint"])
    if base is not None:
        model = copy.deepcopy(base)
    elif "origin" in source:
        from labkit.models.catalogue import architecture

        model = architecture(source["origin"])
    else:
        raise ValueError("this run's architecture is your own class; give base=, the model it was compressed from")
    return rebuild_layers(model, source["layers"])
