"""Facts that a method attaches to the network it returns; they travel with copies and with stored runs."""

from __future__ import annotations

from typing import Any

from torch import nn


def attach_facts(model: nn.Module, **facts: Any) -> nn.Module:
    """Set attributes of a network that survive copying, storing and loading (in place).

    Parameters
    ----------
    model : nn.Module
    **facts
        Names and values of plain JSON, e.g. ``fips={"ranks": [153]}`` for an attribute ``model.fips``.

    Returns
    -------
    nn.Module
        The same network.

    Examples
    --------
    >>> import copy
    >>> copy.deepcopy(attach_facts(nn.Linear(2, 2), fips={"ranks": [1]})).fips
    {'ranks': [1]}
    """
    for name, value in facts.items():
        setattr(model, name, value)
    model.labkit_facts = {**facts_of(model), **facts}  # type: ignore[assignment]
    return model


def facts_of(model: nn.Module) -> dict[str, Any]:
    """Return the facts that are attached to a network.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of str to object
    """
    return dict(getattr(model, "labkit_facts", {}))
