"""`labkit methods`."""

from __future__ import annotations

import click

from labkit.cli.output import as_json, print_entries


@click.command()
@as_json
def methods(json_output: bool) -> None:
    """List the compression methods, with their parameters."""
    from labkit.compress import METHODS

    rows = [
        {"method": method.name, "title": method.title, "needs": method.needs, "time": method.speed} for method in METHODS.values()
    ]
    print_entries(METHODS, rows, json_output)
