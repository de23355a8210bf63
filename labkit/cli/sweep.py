"""`labkit sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labkit.cli.grid_file import read_grid
from labkit.cli.measures import measure_options, parse_measures
from labkit.cli.options import data_options, name_own, open_arguments
from labkit.cli.output import as_json, print_json, progress_bar, say
from labkit.messages import cut

if TYPE_CHECKING:
    from labkit.runs import Job, Run, Store


@click.command()
@click.argument("grid", type=click.Path(dir_okay=False), required=False)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="A further network; your own must be named here; repeatable.",
)
@click.option("--gallery", is_flag=True, help="Make the runs and the live grid that ship with labkit.")
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of runs.")
@click.option("--processes", type=int, default=1, show_default=True, help="Runs made at once; latencies are less reliable then.")
@click.option("--weights/--no-weights", default=True, show_default=True, help="Keep the compressed weights.")
@data_options(default="that of the grid, or what each model was trained on")
@measure_options
@as_json
@click.pass_context
def sweep(
    context: click.Context,
    grid: str | None,
    models: tuple[str, ...],
    gallery: bool,
    store: str,
    processes: int,
    weights: bool,
    asked: str,
    measure_set: tuple[str, ...],
    json_output: bool,
    **where: Any,
) -> None:
    """Make every run of a grid (a YAML file); stored runs are not made again.

    \b
    models: [vit_fashion]
    methods:
      condense: {sparsity: [0.5, 0.7, 0.9]}
      quantize: {}
    rules:
      srigl: {sparsity: 0.9, epochs: 1}
    """
    from labkit import runs
    from labkit.models import is_own

    if (grid is None) == (not gallery):
        raise ValueError("give either a GRID file or --gallery")
    if gallery and (asked or measure_set):
        raise ValueError("--measures belongs to a GRID file; the gallery is made without further measures")
    data, opened = where.pop("data"), open_arguments(where)
    if gallery and (data or opened):
        raise ValueError(
            f"--{next(iter(opened), 'data')} belongs to a GRID file; the gallery is made of data that ship with labkit"
        )
    for model in models:
        name_own(model)
    jobs = []
    if not gallery:
        wanted = _with_measures(read_grid(str(grid)), parse_measures(asked, measure_set))
        jobs = runs.jobs(_with_data(_with_models(wanted, models), data, opened))
    failures = 0
    bar, report = progress_bar()
    with bar:
        if gallery:
            from labkit.live import make_gallery

            made = make_gallery(report=report)
        else:
            how: dict[str, Any] = {"processes": processes, "weights": weights, "networks": tuple(filter(is_own, models))}
            how["plugins"] = tuple((context.obj or {}).get("plugins", ()))
            made, failures = _made(jobs, runs.Store(store), report=report, **how)
    if json_output:
        print_json([{"run": run.id, "method": run.method, "parameters": run.parameters, "summary": run.summary} for run in made])
    else:
        for note in dict.fromkeys(note for run in made for note in _notes(run)):
            say(f"note: {note}")
        say(f"{len(made)} runs; see them with: labkit runs list {'--gallery' if gallery else f'--store {store}'}")
    if failures:
        say(f"labkit: {failures} of {len(jobs)} runs failed; the others are stored in {store}", err=True)
        context.exit(1)


def _made(jobs: list[Job], store: Store, **how: Any) -> tuple[list[Run], int]:
    """Make the runs of a grid and say of each that fails why; return those made, and how many failed."""
    from labkit import runs

    def tell(_job: Job, reason: str) -> None:
        say(f"failed: {cut(reason)}", err=True)

    try:
        return runs.sweep(jobs, store, tell=tell, **how), 0
    except runs.SweepFailed as error:
        return error.made, len(error.failures)


def _notes(run: Run) -> list[str]:
    """Return what a run's audit says about random weights and about what its method left out, read without the rest."""
    import json

    try:
        notes = json.loads((run.folder / "audit.json").read_text())["notes"]
    except (OSError, ValueError, KeyError):
        return []
    return [note for note in notes if not note.startswith("McNemar")]


def _with_models(grid: dict, names: tuple[str, ...]) -> dict:
    """Add the networks of the command line to those of the grid, which may set options for them."""
    if not names or not isinstance(grid, dict):
        return grid
    there = grid.get("models") or {}
    if isinstance(there, dict):
        return {**grid, "models": {**{name: {} for name in names}, **there}}
    there = [there] if isinstance(there, str) else there
    return {**grid, "models": list(dict.fromkeys([*there, *names]))}


def _with_data(grid: dict, data: str | None, opened: dict[str, Any]) -> dict:
    """Put the data of the command line, and how they are read, in the place of those of the grid."""
    if not isinstance(grid, dict):
        return grid
    given: dict[str, Any] = {} if data is None else {"data": data}
    there = grid.get("data_options") or {}
    if opened and isinstance(there, dict):  # what is no mapping is refused with the rest of the grid
        given["data_options"] = {**there, **opened}
    return {**grid, **given}


def _with_measures(grid: dict, asked: dict[str, dict]) -> dict:
    """Add the measures of the command line to those of the grid."""
    if not asked or not isinstance(grid, dict):
        return grid
    named = grid.get("measures") or {}
    if not isinstance(named, dict):
        named = {name: {} for name in ([named] if isinstance(named, str) else named)}
    return {**grid, "measures": {**named, **asked}}
