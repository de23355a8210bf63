"""How commands print: a rich table for people, JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON instead of a table.")


def print_json(value: object) -> None:
    """Print `value` as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """Print a frame with its index; numbers to the right, fractions as they are formatted by the caller."""
    import pandas as pd  # here, not above: --help must not wait for it
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", header_style="bold")
    plain = frame.reset_index() if any(frame.index.names) else frame
    for name, column in plain.items():
        table.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(column) else "left")
    for row in plain.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
