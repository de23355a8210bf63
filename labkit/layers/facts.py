"""Facts that a method attaches to the network it returns; they travel with copies and with stored runs."""

from __future__ import annotations

from typing import Any

from torch import nn

NOTES = "notes"


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
        if name != NOTES:  # read by `notes_of`; networks may have an attribute of that name
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


def add_notes(model: nn.Module, *notes: str) -> nn.Module:
    """Attach sentences about what a method left out or changed (in place); audits, command line and pages show them.

    Parameters
    ----------
    model : nn.Module
        A compressed network.
    *notes : str
        One sentence each, without a final stop; those that are there already are not repeated.

    Returns
    -------
    nn.Module
        The same network.

    Examples
    --------
    >>> notes_of(add_notes(nn.Linear(2, 2), "layer 0 stays dense: Conv3d is not supported"))
    ('layer 0 stays dense: Conv3d is not supported',)
    """
    return attach_facts(model, **{NOTES: list(dict.fromkeys([*notes_of(model), *notes]))}) if notes else model


def notes_of(model: nn.Module) -> tuple[str, ...]:
    """Return the sentences that are attached to a network.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    tuple of str
    """
    return tuple(facts_of(model).get(NOTES, ()))
