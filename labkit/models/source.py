"""Where a module's architecture comes from, in plain JSON: it travels with every copy and lets a stored run be rebuilt."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.layers import blueprint, build, describe_layers, rebuild_layers


def source_of(model: nn.Module) -> dict[str, Any] | None:
    """Return what `rebuild` needs to make an empty model of this architecture, or None when it cannot be known.

    Models of `labkit.models.load` are known by name and options, stacks of torch.nn layers by their blueprint; a user's own class
    is not known, and `rebuild` then needs the model it was compressed from.
    """
    origin = getattr(model, "labkit_origin", None)
    layers = describe_layers(model)
    if origin is not None:
        return {"origin": origin, "layers": layers}
    plan = blueprint(model)
    return {"blueprint": plan} if plan is not None else {"layers": layers}


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
    if "blueprint" in source:
        return build(source["blueprint"]).eval()
    if base is not None:
        import copy

        model = copy.deepcopy(base)
    elif "origin" in source:
        from labkit.models.catalogue import architecture

        model = architecture(source["origin"])
    else:
        raise ValueError("this run's architecture is your own class; give base=, the model it was compressed from")
    return rebuild_layers(model, source["layers"]).eval()
