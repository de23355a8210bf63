"""Output of commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from labkit.registry import Entry

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON instead of a table.")
MANY = 500  # rows; rich lays out a long table slowly


def print_json(value: object) -> None:
    """Print a value as indented JSON.

    Parameters
    ----------
    value : object
    """
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """Print a table with its index, numbers to the right.

    Parameters
    ----------
    frame : DataFrame
        Fractions are formatted by the caller.
    title : str
    """
    import pandas as pd  # imported here: --help must not wait for it
    from rich.console import Console
    from rich.table import Table

    plain = frame.reset_index() if any(frame.index.names) else frame
    if len(plain) > MANY:
        _print_plain(plain, title)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for place, (name, column) in enumerate(plain.items()):
        right = pd.api.types.is_numeric_dtype(column)
        table.add_column(
            str(name), justify="right" if right else "left", no_wrap=place == 0
        )  # names are typed into the next command
    for row in plain.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    Console(markup=False).print(table)  # "dpd[sex]" is a name, not markup


def print_entries(
    registry: Mapping[str, Entry], rows: list[dict[str, Any]], json_output: bool, title: str = "", hidden: tuple[str, ...] = ()
) -> None:
    """Print the entries of a registry, one row each, with their parameters.

    Parameters
    ----------
    registry : mapping of str to Entry
    rows : list of dict
        What the table says of each entry, in the registry's order.
    json_output : bool
    title : str
    hidden : tuple of str
        What only JSON says.
    """
    import pandas as pd

    for row, entry in zip(rows, registry.values(), strict=True):
        row["parameters (default)"] = "; ".join(f"{name} {param.domain} ({param.default})" for name, param in entry.params.items())
    if json_output:
        print_json(rows)
    else:
        frame = pd.DataFrame(rows).drop(columns=list(hidden))
        print_table(frame.loc[:, (frame != "").any()], title)


def _print_plain(frame: pd.DataFrame, title: str) -> None:
    """Print aligned text, for tables that rich lays out slowly."""
    rows = [list(map(str, frame.columns)), *([_cell(value) for value in row] for row in frame.itertuples(index=False))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    click.echo("\n".join([title, *lines] if title else lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
