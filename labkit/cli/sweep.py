"""`labkit sweep`."""

from __future__ import annotations

import click

from labkit.cli.measures import measure_options, parse_measures
from labkit.cli.output import as_json, print_json


@click.command()
@click.argument("grid", type=click.Path(dir_okay=False), required=False)
@click.option("--gallery", is_flag=True, help="Make the runs and the live grid that ship with labkit.")
@click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of runs.")
@click.option("--processes", type=int, default=1, show_default=True, help="Runs made at once; latencies are less reliable then.")
@click.option("--weights/--no-weights", default=True, show_default=True, help="Keep the compressed weights.")
@measure_options
@as_json
@click.pass_context
def sweep(
    context: click.Context,
    grid: str | None,
    gallery: bool,
    store: str,
    processes: int,
    weights: bool,
    asked: str,
    measure_set: tuple[str, ...],
    json_output: bool,
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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from labkit import runs

    if (grid is None) == (not gallery):
        raise ValueError("give either a GRID file or --gallery")
    if gallery and (asked or measure_set):
        raise ValueError("--measures belongs to a GRID file; the gallery is made without further measures")
    jobs = [] if gallery else runs.jobs(_with_measures(_read(str(grid)), parse_measures(asked, measure_set)))
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None)

        def report(done: int, total: int, sentence: str) -> None:
            bar.update(task, completed=done, total=total, description=sentence)

        if gallery:
            from labkit.live import make_gallery

            made = make_gallery(report=report)
        else:
            plugins = tuple((context.obj or {}).get("plugins", ()))
            made = runs.sweep(jobs, runs.Store(store), processes=processes, weights=weights, plugins=plugins, report=report)
    if json_output:
        print_json([{"run": run.id, "method": run.method, "parameters": run.parameters, "summary": run.summary} for run in made])
    else:
        click.echo(f"{len(made)} runs; see them with: labkit runs list {'--gallery' if gallery else f'--store {store}'}")


def _with_measures(grid: dict, asked: dict[str, dict]) -> dict:
    """Add the measures of the command line to those of the grid."""
    if not asked or not isinstance(grid, dict):
        return grid
    named = grid.get("measures") or {}
    if not isinstance(named, dict):
        named = {name: {} for name in ([named] if isinstance(named, str) else named)}
    return {**grid, "measures": {**named, **asked}}


def _read(path: str) -> dict:
    """Read a YAML grid; a mistake is one sentence with its line."""
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            return yaml.safe_load(file)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give a YAML file with models and methods") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
