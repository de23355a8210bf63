"""Where the network and the data of a run came from: written with it, and opened again from there, never taken for others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from labkit import models
from labkit.audit import data_id, model_sha
from labkit.data import CATALOGUE, Dataset, open_dataset

if TYPE_CHECKING:
    from labkit.audit import Audit
    from labkit.runs.run import Run


def sources_of(network: nn.Module, data: str | None, **options: Any) -> dict[str, Any]:
    """Describe where a network and its data came from.

    Parameters
    ----------
    network : nn.Module
        Before compression; of `labkit.models.load`.
    data : str or None
        As `labkit.data.open_dataset` takes it; None for what a reference model was trained on.
    **options
        Arguments of `labkit.data.open_dataset`; empty ones are left out.

    Returns
    -------
    dict
        JSON: ``model`` (see `labkit.models.source_facts`) and ``data`` (``name``, the absolute ``path`` of a file or folder, and
        ``options``).
    """
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items() if value or value is False}
    place = None if data is None or data in CATALOGUE or not os.path.exists(data) else str(Path(data).resolve())
    found = {"model": models.source_facts(network), "data": {"name": data, "path": place, "options": given}}
    return {key: value for key, value in found.items() if value is not None}


def reopen(
    run: Run,
    *,
    model: str | None = None,
    weights: str | None = None,
    data: str | None = None,
    target: str | None = None,
    groups: Sequence[str] = (),
    size: int | None = None,
    favourable: str | None = None,
    **table: Any,
) -> tuple[nn.Module, Dataset]:
    """Open the network that a run was made of, and its data, from where they came, and compare the fingerprints.

    Parameters
    ----------
    run : Run
    model, weights, data, target, groups, size, favourable : optional
        Instead of what the run says, e.g. where a file was moved. A network of the user's own is opened only where `model` names
        it.
    **table
        How a CSV file is read, see `labkit.data.TABLE_OPTIONS`; likewise.

    Returns
    -------
    network : nn.Module
    dataset : Dataset

    Raises
    ------
    ValueError
        When either cannot be opened, or is not the one of the run any more.
    """
    own = dict(run.sources.get("model") or {})
    name = model or own.get("name") or run.model
    if models.is_own(name) and model is None:
        raise ValueError(
            f"run {run.id} is of a network of your own, whose code a stored run does not start; name it yourself with model={name}"
        )
    file = weights or (own.get("weights") or {}).get("path")
    if file is not None and weights is None and not os.path.isfile(file):
        raise ValueError(f"run {run.id} was made of the weights {file}, which are no longer there; give their place with weights=")
    dataset = _data_of(run, name, data, {"target": target, "groups": list(groups), "size": size, "favourable": favourable} | table)
    kept = own.get("options") or {}
    options = models.options_for(name, dataset, kept) | kept
    network = models.load(name, weights=file, seed=own.get("seed") or 0, **options)
    check_same(run, network, dataset, name)
    return network, dataset


def data_of(run: Run) -> Dataset:
    """Open the data of a run from where they came.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        When they cannot be opened, or are not those of the run any more.
    """
    dataset = _data_of(run, (run.sources.get("model") or {}).get("name") or run.model, None, {})
    _check_data(run, dataset)
    return dataset


def _data_of(run: Run, name: str, given: str | None, asked: dict[str, Any]) -> Dataset:
    """Open the data of a run, or those that are given instead, with the options that are not given again."""
    known = dict(run.sources.get("data") or {})
    place = known.get("path")
    if given is None and place is not None and not os.path.exists(place):
        raise ValueError(f"run {run.id} was made on the data {place}, which are no longer there; give their place with data=")
    what = given or place or known.get("name") or run.data
    if not what and models.built_for_data(name):
        raise ValueError(f"run {run.id} does not say what data it was made on; give them with data=")
    options = (known.get("options") or {}) | {key: value for key, value in asked.items() if value}
    return open_dataset(what or models.get_recipe(name).data, **options)


def check_same(run: Run, network: nn.Module, dataset: Dataset, name: str) -> None:
    """Refuse a network or data that are not those of a run.

    Parameters
    ----------
    run : Run
    network : nn.Module
    dataset : Dataset
    name : str
        Of the network.

    Raises
    ------
    ValueError
    """
    sha = model_sha(network)
    if sha != run.model_sha:
        what = getattr(network, "loaded_from", name)
        raise ValueError(
            f"run {run.id} was made of the weights with fingerprint {run.model_sha}, and {what} has {sha}; "
            "give the file of its weights with weights="
        )
    _check_data(run, dataset)


def _check_data(run: Run, dataset: Dataset) -> None:
    digits = data_id(dataset.test)
    if digits != run.data_id:
        raise ValueError(
            f"run {run.id} was made on data with fingerprint {run.data_id}, and {dataset.name} has {digits} now; "
            "give the data it was made on with data=, or make the run again"
        )


def noted(found: Audit, network: nn.Module) -> Audit:
    """Add to an audit what is to be known about the weights of a network.

    Parameters
    ----------
    found : Audit
    network : nn.Module
        That was audited, or is the reference.

    Returns
    -------
    Audit
    """
    return replace(found, notes=tuple(dict.fromkeys((*found.notes, *models.weight_notes(network)))))
