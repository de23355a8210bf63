"""Sentences of the library in the words of the command line: ``data=`` becomes ``--data``."""

from __future__ import annotations

import re

import click

ALIASES = {"base": "model", "pos_label": "favourable", "name": "model"}  # arguments that the command line spells otherwise
ARGUMENT = re.compile(r"(?<![\w.(\[{/-])([a-z_]+)=(…?)(?=([^\s,;.)…]?))")

CALL = re.compile(r"(\w\([^()]*\))")  # settings of a method in parentheses


def command_of(cli: click.Group, arguments: list[str]) -> click.Command:
    """Return the command that arguments name.

    Parameters
    ----------
    cli : click.Group
    arguments : list of str

    Returns
    -------
    click.Command
    """
    found: click.Command = cli
    for word in arguments:
        if isinstance(found, click.Group) and word in found.commands:
            found = found.commands[word]
    return found


def _settings() -> set[str]:
    """Return the names that --set takes."""
    from labkit.compress import METHODS
    from labkit.sparsify import COMMON_PARAMS, RULES

    return {name for registry in (METHODS, RULES) for entry in registry.values() for name in entry.params} | set(COMMON_PARAMS)


def in_options(sentence: str, command: click.Command) -> str:
    """Spell the Python arguments in a sentence as the options of a command.

    Parameters
    ----------
    sentence : str
    command : click.Command

    Returns
    -------
    str
        Arguments that the command has no option for stay, and so do settings in parentheses such as ``condense(sparsity=0.9)``.

    Examples
    --------
    >>> command = click.Command("recommend", params=[click.Option(["--data"])])
    >>> in_options("the runs are on several data sets; say which with data=", command)
    'the runs are on several data sets; say which with --data'
    """
    options = {param.name: max(param.opts, key=len) for param in command.params if isinstance(param, click.Option)}
    settable = _settings() if "settings" in options else set()

    def spelled(match: re.Match) -> str:
        name, follows = match.group(1), match.group(3)
        known = ALIASES.get(name, name) if name not in options else name
        if known in options:
            return options[known] + (" " if follows else "")
        if follows or name not in settable:
            return match.group(0)
        return f"--set {name}={'data' if name == 'calibration' else 'VALUE'}"

    parts = CALL.split(sentence.replace("(data=…)", "(--data)" if "data" in options else "(data=…)"))
    said = "".join(part if CALL.fullmatch(part) else ARGUMENT.sub(spelled, part) for part in parts)
    return re.sub(r"(--[a-z]+ )'(\w+)'", r"\1\2", said)  # a shell needs no quotes around a word
