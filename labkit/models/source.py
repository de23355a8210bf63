"""The origin of a model's architecture as JSON, from which a stored run is rebuilt."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from labkit.layers import attach_facts, blueprint, build, copied, customised, describe_layers, facts_of, rebuild_layers
from labkit.layers.int8 import wrapped_parts
from labkit.layers.manifest import reason_of
from labkit.models.catalogue import architecture
from labkit.models.own import OWN, is_own


def source_of(model: nn.Module) -> dict[str, Any] | None:
    """Describe the architecture of a model for `rebuild`.

    Models of `labkit.models.load` are described by name and options, sequences of torch.nn layers by their blueprint. For other
    classes, and where hooks or replaced forwards are part of the network, only the replaced layers are described, and `rebuild`
    needs the original model.

    Parameters
    ----------
    model : nn.Module
        The model.

    Returns
    -------
    dict or None
        JSON types.
    """
    custom = customised(model)  # hooks and replaced forwards, which neither a name nor a blueprint describes
    origin = None if custom else getattr(model, "labkit_origin", None)
    layers, plan = describe_layers(model), None if origin is not None else blueprint(model)
    source: dict[str, Any] = {"origin": origin, "layers": layers} if origin is not None else {"layers": layers}
    if custom:
        source["custom"] = custom
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad and not wrapped_parts(weight)]
    facts = facts_of(model)
    more = {"facts": facts, "frozen": frozen}
    return {**(source if plan is None else {"blueprint": plan}), **{name: value for name, value in more.items() if value}}


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
        If `base` is needed but not given, or lacks hooks or replaced forwards that the stored model had; or the description is
        damaged, or of a network beyond the limits of `labkit.layers.limits`.
    """
    try:
        return _described(source, base)
    except (ValueError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a description that was changed ends in errors of many types
        raise ValueError(f"the description of the network is damaged ({reason_of(error)}); make the run again") from error


def _described(source: dict[str, Any], base: nn.Module | None) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # layers draw first weights when they are built, which the stored ones replace
        model = attach_facts(_rebuilt(source, base), **source.get("facts", {})).eval()
    if "custom" in source and customised(model) != source["custom"]:
        where = ", ".join(path or "the network" for path in source["custom"])
        raise ValueError(
            f"the run was stored with hooks or replaced forwards at {where}, which base= does not have; "
            "give the network that it was compressed from"
        )
    for name, weight in model.named_parameters():
        if name in source.get("frozen", ()):
            weight.requires_grad_(False)
    return model


def _rebuilt(source: dict[str, Any], base: nn.Module | None) -> nn.Module:
    if "blueprint" in source:
        return build(source["blueprint"])
    if base is not None:
        model = copied(base)
    elif "origin" in source and not _is_foreign(source["origin"]["name"]):
        model = architecture(source["origin"])
    else:
        what = "has hooks or replaced forwards" if source.get("custom") else "is a user-defined class"
        raise ValueError(f"the architecture of this run {what}; give base=, the model it was compressed from")
    return rebuild_layers(model, source["layers"])


def _is_foreign(name: str) -> bool:
    """Whether a name is code of the user's own that was not imported: a stored name imports none."""
    return is_own(name) and name not in OWN
