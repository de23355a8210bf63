"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from labkit.words import shortly

if TYPE_CHECKING:
    from torch import nn

    from labkit.data import Dataset
    from labkit.runs import Store

MODEL = "A reference model, timm:NAME, or your own: module:function or file.py:function, which runs its code."


def model_options(command: Callable) -> Callable:
    """--model, --weights."""
    command = click.option("--weights", type=click.Path(dir_okay=False), help="Your own weights: .safetensors or a state dict.")(
        command
    )
    return click.option("--model", "model", required=True, help=MODEL)(command)


# how a CSV file is read; the names are those of labkit.data.TABLE_OPTIONS, whose import would load torch
TABLE_OPTIONS = ("encoding", "missing", "categories", "drop", "separator", "decimal")
TABLE = (
    click.option("--encoding", help="Text encoding of a CSV file (default: UTF-8, or what the file says)."),
    click.option(
        "--missing", type=click.Choice(["refuse", "drop"]), help="Rows of a CSV file with missing values (default: refuse)."
    ),
    click.option("--categories", default="", metavar="COLUMNS", help="Columns of a CSV file that are categories though numbers."),
    click.option("--drop", default="", metavar="COLUMNS", help="Columns of a CSV file to leave out, separated by commas."),
    click.option("--separator", metavar="CHARACTER", help="Between the cells of a CSV file (default: found)."),
    click.option("--decimal", type=click.Choice([".", ","]), help="Decimal mark of a CSV file (default: found)."),
)


def open_arguments(given: dict[str, Any]) -> dict[str, Any]:
    """Take what `open_options` adds out of the options of a command, as `labkit.data.open_dataset` takes it.

    Parameters
    ----------
    given : dict
        Options of the command; those of a CSV file or a folder are removed, ``data`` is not.

    Returns
    -------
    dict
        Without what was not given.

    Raises
    ------
    ValueError
        For a column that is named twice.
    """
    names = ("groups", "categories", "drop")
    found = {key: given.pop(key, None) for key in ("target", "groups", "size", "favourable", *TABLE_OPTIONS)}
    return {key: split_names(value, f"--{key}") if key in names else value for key, value in found.items() if value}


def data_options(command: Callable | None = None, *, default: str = "what the model was trained on") -> Callable:
    """--data and what a CSV file or a folder needs; `default` says what is taken without --data."""
    if command is None:
        return partial(data_options, default=default)
    command = open_options(command)
    return click.option("--data", "data", help=f"Data set, image folder or CSV (default: {default}).")(command)


def open_options(command: Callable) -> Callable:
    """What a CSV file or a folder of images needs."""
    for option in (
        *reversed(TABLE),
        click.option("--favourable", metavar="CLASS", help="The class that is good to get (default: the last of two)."),
        click.option("--size", type=int, help="Resize the images of a folder to this many pixels."),
        click.option("--groups", default="", help="Sensitive columns of a CSV file, separated by commas."),
        click.option("--target", help="Target column, when --data is a CSV file."),
    ):
        command = option(command)
    return command


def store_option(command: Callable) -> Callable:
    """--store and --gallery: which folder of runs."""
    command = click.option("--gallery", is_flag=True, help="The runs that ship with labkit, instead of --store.")(command)
    return click.option("--store", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder of runs.")(
        command
    )


def open_store(store: str, gallery: bool) -> Store:
    """The shipped gallery or the user's folder."""
    from labkit import runs

    return runs.gallery() if gallery else runs.Store(store)


def name_own(model: str | None) -> None:
    """Import a network of the user's own, where the command line names one; nothing else imports its code.

    Parameters
    ----------
    model : str or None
        Value of --model.
    """
    from labkit.models import is_own
    from labkit.models.own import register

    if model is not None and is_own(model):
        register(model)


def open_both(
    model: str, weights: str | None, data: str | None, seed: int = 0, **where: Any
) -> tuple[nn.Module, Dataset, dict[str, Any]]:
    """Open a model and its data as the command line names them, and say where both came from."""
    from labkit import models, runs

    name_own(model)
    options = open_arguments(where)
    network, dataset = models.open_model(model, weights=weights, data=data, seed=seed, **options)
    models.check_takes(network, dataset.test, model, dataset.name)
    return network, dataset, runs.sources_of(network, data, **options)


@contextmanager
def foreign(what: str, dataset: Dataset) -> Iterator[None]:
    """Turn what a method, a network or a measure raises into one sentence with the shape of the examples.

    Parameters
    ----------
    what : str
        What was tried.
    dataset : Dataset

    Yields
    ------
    None

    Raises
    ------
    ValueError
    """
    from labkit import runs
    from labkit.models.opening import inputs_of, shape_of

    with runs.in_words(what, shape_of(inputs_of(dataset.test))):
        yield


def split_names(words: str, option: str = "") -> list[str]:
    """Split names separated by commas; empty ones are dropped.

    Parameters
    ----------
    words : str
    option : str
        Where it is given, no name may come twice; for the message.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For a name that comes twice.

    Examples
    --------
    >>> split_names("sex, race,")
    ['sex', 'race']
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    if option and len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"{option} names {shortly(twice)} twice; name it once")
    return names


def parse_settings(pairs: tuple[str, ...], option: str = "--set", form: str = "NAME=VALUE") -> dict[str, str]:
    """Split settings into names and values.

    Parameters
    ----------
    pairs : tuple of str
        ``NAME=VALUE`` each.
    option, form : str
        For the message.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
        For a pair without a name or an equals sign, or a name that comes twice.

    Examples
    --------
    >>> parse_settings(("sparsity=0.9",))
    {'sparsity': '0.9'}
    """
    settings: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = map(str.strip, pair.partition("="))
        if not equals or not name:
            example = f"{option} {form.lower().replace('value', '0.9')}"
            raise ValueError(f"{option} takes {form}, got {shortly(pair)}; for example {example}")
        if name in settings:
            raise ValueError(f"{option} gives {shortly(name)} twice; give it once")
        settings[name] = value
    return settings
