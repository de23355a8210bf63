"""Where the weights of a network came from, as JSON and in a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import nn

from labkit.files import sha256
from labkit.models.own import is_own


def source(
    name: str, weights: str | os.PathLike | None, seed: int | None, options: dict[str, Any], *, random: bool = False
) -> dict[str, Any]:
    """Describe where a network came from, so that the same one can be opened again.

    Parameters
    ----------
    name : str
        As `labkit.models.load` takes it.
    weights : path or None
    seed : int or None
        Of weights that no file gave.
    options : dict
    random : bool
        Whether the weights are random.

    Returns
    -------
    dict
        ``name``, ``options``, ``weights`` (absolute path and SHA-256 of the file, or None), ``seed`` and ``random``.
    """
    file = None if weights is None else {"path": str(Path(weights).resolve()), "sha256": sha256(weights)}
    return {"name": name, "options": options, "weights": file, "seed": seed if file is None else None, "random": random}


def source_facts(model: nn.Module) -> dict[str, Any] | None:
    """Return where a network of `labkit.models.load` came from.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict or None
        As `source` returns it; None for other networks.
    """
    return getattr(model, "labkit_source", None)


def weight_notes(model: nn.Module) -> tuple[str, ...]:
    """Return what a reader of this network's figures should know about its weights.

    Parameters
    ----------
    model : nn.Module
        Of `labkit.models.load`; nothing is known about others.

    Returns
    -------
    tuple of str
        A sentence where the weights are random, or where the names in their file were made to fit; usually empty.
    """
    facts, what = source_facts(model), getattr(model, "loaded_from", "")
    if facts is None:
        return ()
    if facts["random"]:
        return (f"{what}: the network is untrained, and its figures say nothing about a trained one; give --weights FILE",)
    if facts["weights"] is None and is_own(facts["name"]):
        call = f"{facts['name']}({getattr(model, 'labkit_call', '')})"
        return (f"the weights are those that {call} gives with seed {facts['seed']}: untrained, unless it loads some",)
    return (f"loaded {what}",) if facts["weights"] and "(" in what else ()
