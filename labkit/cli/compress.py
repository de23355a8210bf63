"""`labkit compress` and `labkit audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labkit.cli.measures import measure_options, parse_measures
from labkit.cli.options import (
    MODEL,
    data_options,
    foreign,
    model_options,
    name_own,
    open_arguments,
    open_both,
    open_store,
    parse_settings,
    store_option,
)
from labkit.cli.output import as_json, print_json, print_table, say

if TYPE_CHECKING:
    from torch import nn

    from labkit.audit import Audit
    from labkit.data import Dataset

SHOWN = 50  # rows of a measure's table on a terminal
SEED = "Of random weights, and of what draws at random."


@click.command()
@model_options
@click.option("--method", required=True, help="Compression method; `labkit methods` lists them.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable.")
@data_options
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of runs.")
@click.option("--seed", type=int, default=0, show_default=True, help=SEED)
@measure_options
@as_json
def compress(
    model: str,
    weights: str | None,
    method: str,
    settings: tuple[str, ...],
    store: str,
    seed: int,
    asked: str,
    measure_set: tuple[str, ...],
    json_output: bool,
    **where: Any,
) -> None:
    """Compress a network, audit it on the test part against the original, and store the run."""
    from labkit import runs
    from labkit.audit import audit
    from labkit.compress import get_method
    from labkit.runs.measuring import unmeasured

    entry, measures = get_method(method), parse_measures(asked, measure_set)
    chosen = entry.settings(parse_settings(settings))
    network, dataset, sources = open_both(model, weights, seed=seed, **where)
    with foreign(f"{method} of {model}", dataset):
        small = entry(network, data=dataset, seed=seed, **chosen)
    with foreign(f"the audit of {method} of {model}", dataset):
        found = runs.noted(audit(small, dataset.test, reference=network, measures=measures, seed=seed), network)
    config = {"method": method, "version": entry.version, "parameters": chosen, "model": model, "data": dataset.name, "seed": seed}
    place = runs.Store(store)
    run = place.save(small, audit=found, config=config, sources=sources)
    if unmeasured(run, measures):  # it was stored before, without them
        run = place.extend(run.id, found)
    if json_output:
        print_json({"run": run.id, "folder": str(run.folder), **found.to_dict()})
    else:
        show_audit(found)
        say(f"stored as run {run.id} in {store}{'' if run.has_weights else ', without weights'}")


@click.command()
@click.option("--run", "run", help="Audit a stored run again, instead of a model.")
@click.option("--model", help=f"{MODEL} With --run, only your own, as the run was made of it.")
@click.option("--weights", type=click.Path(dir_okay=False), help="Your own weights: .safetensors or a state dict.")
@data_options
@store_option
@click.option("--seed", type=int, default=0, show_default=True, help=f"{SEED} With --run, the run's.")
@measure_options
@as_json
def audit(
    run: str | None,
    model: str | None,
    weights: str | None,
    store: str,
    gallery: bool,
    seed: int,
    asked: str,
    measure_set: tuple[str, ...],
    json_output: bool,
    **where: Any,
) -> None:
    """Audit a model (or a stored run against the model it came from) on the test part of its data.

    A run is audited with the weights and data it was made of; others are refused. A run without weights is made again. With --run
    and --measures the further figures are kept with the run; a run of the gallery is copied to --store first.
    """
    from labkit import audit as room
    from labkit import models, runs

    if (run is None) == (model is None) and not (run and model and models.is_own(model)):
        raise ValueError("give either --model or --run")
    measures = parse_measures(asked, measure_set)
    if run is not None:
        facts = open_store(store, gallery).run(run)
        network, dataset, small = _of_run(store, gallery, run, model, weights, where)
        with foreign(f"the audit of run {facts.id}", dataset):
            found = room.audit(small, dataset.test, reference=network, measures=measures, seed=facts.seed)
        found = runs.noted(found, network)
        if measures:
            runs.Store(store).adopt(facts)
            runs.Store(store).extend(facts.id, found)
    else:
        network, dataset, _ = open_both(str(model), weights, seed=seed, **where)
        with foreign(f"the audit of {model}", dataset):
            found = runs.noted(room.audit(network, dataset.test, measures=measures, seed=seed), network)
    if json_output:
        print_json(found.to_dict())
    else:
        show_audit(found)


def _of_run(
    store: str, gallery: bool, run: str, model: str | None, weights: str | None, where: dict[str, Any]
) -> tuple[nn.Module, Dataset, nn.Module]:
    """Open what a run was made of, and the network that it holds."""
    from labkit import runs

    place = open_store(store, gallery)
    facts = place.run(run)
    why = "" if facts.damaged or facts.has_weights else runs.cannot_rebuild(facts)
    if why:  # before the reference is opened, which may take seconds
        raise ValueError(why)
    if facts.damaged:
        place.load(run)  # says what is wrong with it
    name_own(model)
    network, dataset = runs.reopen(facts, model=model, weights=weights, data=where.pop("data"), **open_arguments(where))
    if not facts.has_weights:
        made = runs.rebuild(facts, base=network, dataset=dataset)
        say(f"run {facts.id}: {made.note}", err=True)
        return network, dataset, made.model
    small, _ = place.load(run, base=network)
    if small is None:
        raise ValueError(f"run {facts.id} is stored without its network; make it again with the same settings")
    return network, dataset, small


def show_audit(found: Audit) -> None:
    """Print the figures, the classes with their change, and the tables of the measures.

    Parameters
    ----------
    found : Audit
    """
    say(repr(found))
    hidden = {name for name in found.per_class if name.endswith(("_low", "_high")) or name in ("recall", "p", "n01", "n10")}
    print_table(found.per_class[[name for name in found.per_class if name not in hidden]], "by class")
    if found.fairness is not None:
        print_table(found.fairness, "by group")
    for name, table in found.extras.items():
        print_table(table.head(SHOWN), name if len(table) <= SHOWN else f"{name}, the first {SHOWN} of {len(table):,} rows")
