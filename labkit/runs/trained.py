"""`train_run`: a reference network trained sparse, audited beside the shipped one, and stored with how the training went."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from labkit import models
from labkit.audit import audit
from labkit.compress import condense
from labkit.runs.identity import TRAINED, run_id
from labkit.runs.references import reference
from labkit.runs.run import Run, read_run
from labkit.runs.store import Store

VERSION = 1


def train_run(
    name: str,
    topology: str,
    store: Store,
    *,
    epochs: int | None = None,
    seed: int | None = None,
    weights: bool = True,
    compact: bool = False,
    progress: bool = True,
    **options: Any,
) -> Run:
    """Train the reference network `name` from scratch with a sparse topology and store it as a run.

    What was trained with a constant fan-in is stored in its condensed form. Beside the audit the run holds the tables ``curve``,
    ``layers`` (fan-in, active neurons and explored places over time), ``masks`` (the film of one layer) and ``training`` (floating
    point operations, seconds); read them with `Store.table_of`. An interrupted training goes on where it was; one that is stored
    is not made again.

    Parameters
    ----------
    name : str
        A reference model.
    topology, epochs, seed, options
        As `labkit.models.train_sparse`.
    weights, compact
        As `Store.save`.

    Raises
    ------
    ValueError
        For settings that the topology does not take.
    """
    recipe = models.get_recipe(name)
    seed = recipe.seed if seed is None else seed
    base = reference(name, recipe.data)
    parameters = {"epochs": recipe.epochs if epochs is None else epochs, **_plain(options)}
    config: dict[str, Any] = {"method": f"{TRAINED}{topology}", "version": VERSION, "parameters": parameters, "seed": seed}
    wanted = run_id(**config, model_sha=base.sha, data_id=base.data_id)
    if wanted in store:
        return read_run(store.folder / wanted)
    store.folder.mkdir(parents=True, exist_ok=True)
    trained = models.train_sparse(
        recipe,
        topology,
        epochs=epochs,
        seed=seed,
        path=store.folder / f"{wanted}.checkpoint.pt",
        progress=progress,
        **options,
    )
    model = trained.model
    if trained.constant_fan_in:
        model = condense(model, layers=lambda path, layer: path in trained.sparse)
    model.labkit_origin = base.network.labkit_origin
    found = audit(model, base.dataset.test, reference=base.network, reference_logits=base.logits)
    config |= {"model": name, "data": recipe.data}
    return store.save(model, audit=found, config=config, weights=weights, compact=compact, tables=_tables(trained))


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON keeps them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}


def _tables(trained: models.SparseTraining) -> dict[str, pd.DataFrame]:
    facts = pd.DataFrame([{**asdict(trained.flops), "seconds": trained.seconds}])
    tables = {"curve": trained.curve, "training": facts, "layers": trained.layers, "masks": trained.masks}
    return {name: table for name, table in tables.items() if table is not None}
