"""`train_run`: a reference network trained sparse, audited against the shipped one, and stored with the course of its training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from labkit import models
from labkit.audit import audit
from labkit.audit.assemble import Asked
from labkit.compress import condense
from labkit.runs.identity import TRAINED, run_id
from labkit.runs.references import reference
from labkit.runs.run import Run
from labkit.runs.store import Store
from labkit.seeds import checked_seed
from labkit.sparsify import DENSE, rule_or_dense

VERSION = 1  # of dense trainings; the others have that of their rule
KEYWORDS = ("accumulate", "storage", "trained", "watch")  # of make_sparse and train_sparse, beside the rule's parameters


def train_run(
    name: str,
    rule: str,
    store: Store,
    *,
    epochs: int | None = None,
    seed: int | None = None,
    weights: bool = True,
    compact: bool = False,
    progress: bool = True,
    measures: Asked = (),
    **options: Any,
) -> Run:
    """Train the reference network `name` from scratch by a rule of sparse training and store it as a run.

    Networks with a fixed fan-in are stored in condensed form. Beside the audit the run holds the tables ``curve``, ``layers``
    (fan-in, active neurons and explored entries over time), ``masks`` (the masks of one layer over time) and ``training`` (FLOPs,
    seconds); read them with `Store.table_of`. An interrupted training resumes; a stored one is returned as it is.

    Parameters
    ----------
    name : str
        A reference model.
    rule : str
        A name in `labkit.sparsify.RULES`, or "dense".
    store : Store
    epochs, seed : int, optional
        As `labkit.models.train_sparse`.
    weights, compact : bool
        As `Store.save`.
    progress : bool
        Whether to show a progress bar.
    measures : iterable of str, or mapping of str to dict
        Measures with ``when="asked"`` to compute.
    **options
        Parameters of the rule.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        For an unknown rule, or parameters that it does not take.
    """
    recipe = models.get_recipe(name)
    seed = recipe.seed if seed is None else checked_seed(seed)
    rule, version, options = checked(rule, options)
    config = identity(rule, version, epochs=recipe.epochs if epochs is None else epochs, seed=seed, **options)
    base = reference(name, recipe.data)
    wanted = run_id(**config, model_sha=base.sha, data_id=base.data_id)
    there = store.find(wanted)  # refuses, before hours of training, what could not be stored
    if there is not None:
        return there
    store.folder.mkdir(parents=True, exist_ok=True)
    trained = models.train_sparse(
        recipe,
        rule,
        epochs=epochs,
        seed=seed,
        path=store.folder / f"{wanted}.checkpoint.pt",
        progress=progress,
        **options,
    )
    model = trained.model
    if trained.fixed_fan_in:
        model = condense(model, layers=lambda path, layer: path in trained.sparse)
    model.labkit_origin = base.network.labkit_origin
    found = audit(model, base.dataset.test, reference=base.network, reference_logits=base.logits, measures=measures, seed=seed)
    config |= {"model": name, "data": recipe.data}
    kept: dict[str, Any] = {"weights": weights, "compact": compact, "tables": _tables(trained), "sources": base.sources}
    return store.save(model, audit=found, config=config, **kept)


def checked(rule: str, options: dict[str, Any]) -> tuple[str, int, dict[str, Any]]:
    """Return name and version of a rule, and the options in their types, so that text and value give the same run.

    Parameters
    ----------
    rule : str
        A name or alias in `labkit.sparsify.RULES`, or "dense".
    options : dict

    Returns
    -------
    name : str
    version : int
    options : dict

    Raises
    ------
    ValueError
        For an unknown rule, or parameters that it does not take.
    """
    entry = rule_or_dense(rule)
    if entry is None:
        return DENSE, VERSION, options
    return entry.name, entry.version, options | entry.typed({k: v for k, v in options.items() if k not in KEYWORDS})


def identity(rule: str, version: int, *, epochs: int, seed: int, **options: Any) -> dict[str, Any]:
    """Return what `run_id` takes of a training beside the hashes of model and data.

    Parameters
    ----------
    rule, version
        As `checked` returns them.
    epochs, seed : int
    **options
        As `checked` returns them.

    Returns
    -------
    dict
        method, version, parameters (as JSON keeps them), seed.
    """
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    return {"method": f"{TRAINED}{rule}", "version": version, "parameters": {"epochs": epochs, **plain}, "seed": seed}


def _tables(trained: models.SparseTraining) -> dict[str, pd.DataFrame]:
    facts = pd.DataFrame([{**asdict(trained.flops), "seconds": trained.seconds}])
    tables = {"curve": trained.curve, "training": facts, "layers": trained.layers, "masks": trained.masks}
    return {name: table for name, table in tables.items() if table is not None}
