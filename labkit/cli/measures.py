"""`labkit measures`, and the options that name measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from labkit.cli.options import parse_settings, split_names
from labkit.cli.output import as_json, print_entries


@click.command()
@as_json
def measures(json_output: bool) -> None:
    """List the measures of an audit, with their limits and parameters."""
    from labkit.audit import MEASURES

    rows = [
        {
            "measure": measure.key,
            "title": measure.title,
            "better": measure.better,
            "when": measure.when,
            "limit": "" if measure.limit is None else measure.limit.name,
            "needs": ", ".join(measure.needs),
            "tasks": ", ".join(measure.tasks),
        }
        for measure in MEASURES.values()
    ]
    print_entries(MEASURES, rows, json_output, "when: always, in every audit; asked, with --measures NAME", hidden=("tasks",))


def measure_options(command: Callable) -> Callable:
    """Add --measures and --measure-set to a command.

    Parameters
    ----------
    command : callable

    Returns
    -------
    callable
    """
    command = click.option(
        "--measure-set", multiple=True, metavar="MEASURE.NAME=VALUE", help="A parameter of a measure; repeatable."
    )(command)
    return click.option(
        "--measures", "asked", default="", metavar="NAMES", help="Further measures, separated by commas; see `labkit measures`."
    )(command)


def parse_measures(names: str, pairs: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the measures that --measures and --measure-set name, with checked settings.

    Parameters
    ----------
    names : str
        Separated by commas.
    pairs : tuple of str
        ``MEASURE.NAME=VALUE`` each.

    Returns
    -------
    dict of str to dict

    Raises
    ------
    ValueError
        For an unknown measure or parameter, or a setting of a measure that is not named.
    """
    asked: dict[str, dict[str, Any]] = {name: {} for name in split_names(names)}
    for key, value in parse_settings(pairs, "--measure-set", "MEASURE.NAME=VALUE").items():
        measure, dot, parameter = key.partition(".")
        if not dot or measure not in asked:
            raise ValueError(f"--measure-set {key} belongs to a measure of --measures; give --measures {measure or 'NAME'}")
        asked[measure][parameter] = value
    if not asked:
        return {}
    from labkit.audit import get_measure

    return {name: get_measure(name).settings(given) for name, given in asked.items()}
