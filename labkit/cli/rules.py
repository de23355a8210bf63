"""`labkit rules`."""

from __future__ import annotations

import click

from labkit.cli.output import as_json, print_json, print_table


@click.command()
@as_json
def rules(json_output: bool) -> None:
    """List the rules of sparse training, with their parameters."""
    import pandas as pd

    from labkit.sparsify import COMMON_PARAMS, RULES

    def words(params: dict) -> str:
        return "; ".join(f"{name} {param.domain} ({_value(param.default)})" for name, param in params.items())

    if json_output:
        print_json(
            [
                {
                    "rule": rule.name,
                    "title": rule.title,
                    "paper": rule.paper,
                    "parameters": {
                        name: {"values": param.domain, "default": param.default, "help": param.help}
                        for name, param in rule.params.items()
                    },
                }
                for rule in RULES.values()
            ]
        )
        return
    rows = [{"rule": rule.name, "what": rule.title, "parameters (default)": words(rule.own)} for rule in RULES.values()]
    print_table(pd.DataFrame(rows), "rules of sparse training")
    common = [
        {"parameter": name, "values": p.domain, "default": _value(p.default), "what": p.help} for name, p in COMMON_PARAMS.items()
    ]
    print_table(pd.DataFrame(common), "parameters of every rule, where they apply")


def _value(default: object) -> str:
    """Format a default; an unset or empty one is a dash."""
    return "–" if default in (None, ()) else str(default)
