"""`labkit methods`."""

from __future__ import annotations

import click

from labkit.cli.output import as_json, print_json, print_table


@click.command()
@as_json
def methods(json_output: bool) -> None:
    """List the ways to compress, with their parameters."""
    import pandas as pd

    from labkit.compress import METHODS

    rows = []
    for method in METHODS.values():
        settings = [f"{name} {param.domain} ({param.default})" for name, param in method.params.items()]
        rows.append(
            {"method": method.name, "what": method.title, "parameters (default)": "; ".join(settings), "needs": method.needs}
        )
    if json_output:
        print_json([{**row, "paper": METHODS[row["method"]].paper} for row in rows])
    else:
        print_table(pd.DataFrame(rows))
