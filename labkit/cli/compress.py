"""`labkit compress` and `labkit audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labkit.cli.measures import measure_options, parse_measures
from labkit.cli.options import data_options, model_options, open_both, open_store, parse_settings
from labkit.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from labkit.audit import Audit

SHOWN = 50  # rows of a measure's table on a terminal


@click.command()
@model_options
@click.option("--method", required=True, help="Compression method; `labkit methods` lists them.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable.")
@data_options
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of runs.")
@click.option("--seed", type=int, default=0, show_default=True)
@measure_options
@as_json
def compress(
    model: str,
    weights: str | None,
    method: str,
    settings: tuple[str, ...],
    data: str | None,
    target: str | None,
    groups: str,
    size: int | None,
    store: str,
    seed: int,
    asked: str,
    measure_set: tuple[str, ...],
    json_output: bool,
) -> None:
    """Compress a network, audit it on the test part against the original, and store the run."""
    from labkit import runs
    from labkit.audit import audit
    from labkit.compress import get_method
    from labkit.runs.measuring import unmeasured

    entry, measures = get_method(method), parse_measures(asked, measure_set)
    chosen = entry.settings(parse_settings(settings))
    network, dataset = open_both(model, weights, data, target, groups, size)
    small = entry(network, data=dataset, seed=seed, **chosen)
    found = audit(small, dataset.test, reference=network, measures=measures, seed=seed)
    config = {"method": method, "version": entry.version, "parameters": chosen, "model": model, "data": dataset.name, "seed": seed}
    place = runs.Store(store)
    run = place.save(small, audit=found, config=config)
    if unmeasured(run, measures):  # it was stored before, without them
        run = place.extend(run.id, found)
    if json_output:
        print_json({"run": run.id, "folder": str(run.folder), **found.to_dict()})
    else:
        show_audit(found)
        click.echo(f"stored as run {run.id} in {store}")


@click.command()
@click.option("--run", "run", help="Audit a stored run again, instead of a model.")
@click.option("--model", help="A reference model, or timm:NAME.")
@click.option("--weights", type=click.Path(dir_okay=False), help="Your own weights: .safetensors or a state dict.")
@data_options
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of runs, for --run.")
@measure_options
@as_json
def audit(
    run: str | None,
    model: str | None,
    weights: str | None,
    data: str | None,
    target: str | None,
    groups: str,
    size: int | None,
    store: str,
    asked: str,
    measure_set: tuple[str, ...],
    json_output: bool,
) -> None:
    """Audit a model (or a stored run against the model it came from) on the test part of its data.

    With --run and --measures the further figures are kept with the run.
    """
    from labkit import audit as room

    if (run is None) == (model is None):
        raise ValueError("give either --model or --run")
    measures = parse_measures(asked, measure_set)
    if run is not None:
        facts = open_store(store, False).run(run)
        small, _ = open_store(store, False).load(run)
        if small is None:
            raise ValueError(f"run {facts.id} was stored without weights; make it again with labkit compress")
        network, dataset = open_both(facts.model, weights, data or facts.data, target, groups, size)
        found = room.audit(small, dataset.test, reference=network, measures=measures, seed=facts.seed)
        if measures:
            open_store(store, False).extend(facts.id, found)
    else:
        network, dataset = open_both(str(model), weights, data, target, groups, size)
        found = room.audit(network, dataset.test, measures=measures)
    if json_output:
        print_json(found.to_dict())
    else:
        show_audit(found)


def show_audit(found: Audit) -> None:
    """Print the figures, the classes with their change, and the tables of the measures.

    Parameters
    ----------
    found : Audit
    """
    click.echo(repr(found))
    hidden = {name for name in found.per_class if name.endswith(("_low", "_high")) or name in ("recall", "p", "n01", "n10")}
    print_table(found.per_class[[name for name in found.per_class if name not in hidden]], "by class")
    if found.fairness is not None:
        print_table(found.fairness, "by group")
    for name, table in found.extras.items():
        print_table(table.head(SHOWN), name if len(table) <= SHOWN else f"{name}, the first {SHOWN} of {len(table):,} rows")
