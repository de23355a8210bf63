"""`labkit data list` and `labkit data show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labkit.cli.options import open_arguments, open_options
from labkit.cli.output import as_json, print_json, print_table, say

if TYPE_CHECKING:
    from labkit.data import Dataset


@click.group()
def data() -> None:
    """List data sets or show one."""


@data.command("list")
@as_json
def list_(json_output: bool) -> None:
    """List the named data sets."""
    import pandas as pd

    from labkit.data import CATALOGUE

    rows = [
        {"name": name, "kind": entry.kind, "ships with labkit": "yes" if entry.bundled else "no: your files", "about": entry.about}
        for name, entry in CATALOGUE.items()
    ]
    if json_output:
        print_json(rows)
    else:
        print_table(pd.DataFrame(rows))


@data.command()
@click.argument("name")
@click.option("--grid", type=click.Path(dir_okay=False), help="Write a picture grid to this .png or .jpg file.")
@open_options
@as_json
def show(name: str, grid: str | None, json_output: bool, **where: Any) -> None:
    """Show counts by class and group of NAME: a data set, a folder of images by class, or a CSV file."""
    from labkit.data import counts, group_counts, picture_grid

    dataset = open_dataset(name, **where)
    if grid:
        picture_grid(dataset.test, grid)
    by_class = counts(dataset)
    by_group = None if dataset.test.groups is None else group_counts(dataset)
    if json_output:
        print_json(
            {
                "name": dataset.name,
                "target": dataset.target,
                "source": dataset.source,
                "classes": by_class.to_dict("index"),
                "groups": [] if by_group is None else by_group.reset_index().to_dict("records"),
                "notes": list(dataset.notes),
                "grid": grid,
            }
        )
        return
    say(f"{dataset!r}\ntarget: {dataset.target}\nsource: {dataset.source}")
    print_table(by_class.rename_axis("class"), "examples by class")
    if by_group is not None:
        print_table(by_group, "examples by group, and the fraction of each class in it")
    for note in dataset.notes:
        say(f"note: {note}")
    if grid:
        say(f"wrote {grid}")


def open_dataset(name: str, **where: Any) -> Dataset:
    """Open a data set as the command line names it."""
    from labkit import data

    return data.open_dataset(name, **open_arguments(where))
