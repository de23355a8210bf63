"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from torch import nn

    from labkit.data import Dataset
    from labkit.runs import Store


def model_options(command: Callable) -> Callable:
    """--model, --weights."""
    command = click.option("--weights", type=click.Path(dir_okay=False), help="Your own weights: .safetensors or a state dict.")(
        command
    )
    return click.option("--model", "model", required=True, help="A reference model, or timm:NAME.")(command)


def data_options(command: Callable) -> Callable:
    """--data and what a CSV file or a folder needs."""
    command = click.option("--size", type=int, help="Resize the images of a folder to this many pixels.")(command)
    command = click.option("--groups", default="", help="Sensitive columns of a CSV file, separated by commas.")(command)
    command = click.option("--target", help="Target column, when --data is a CSV file.")(command)
    return click.option("--data", "data", help="Data set, image folder or CSV (default: what the model was trained on).")(command)


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


def open_both(
    model: str, weights: str | None, data: str | None, target: str | None, groups: str, size: int | None
) -> tuple[nn.Module, Dataset]:
    """Open a model and its data as the command line names them."""
    from labkit import models

    return models.open_model(model, weights=weights, data=data, target=target, groups=split_names(groups), size=size)


def split_names(words: str) -> list[str]:
    """Split names separated by commas; empty ones are dropped.

    Parameters
    ----------
    words : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> split_names("sex, race,")
    ['sex', 'race']
    """
    return [word.strip() for word in words.split(",") if word.strip()]


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
        For a pair without a name or an equals sign.

    Examples
    --------
    >>> parse_settings(("sparsity=0.9",))
    {'sparsity': '0.9'}
    """
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"{option} takes {form}, got {pair!r}; for example {option} {form.lower().replace('value', '0.9')}")
        settings[name.strip()] = value.strip()
    return settings
