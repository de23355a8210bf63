"""`open_dataset`: one door to data sets of every kind, as users name them on a command line or in a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.data.catalogue import CATALOGUE, load
from labkit.data.csv import from_csv
from labkit.data.split import Dataset


def open_dataset(name: str, *, target: str | None = None, groups: Sequence[str] = (), **options: Any) -> Dataset:
    """Open a data set by its name, a folder of images by class, or a CSV file with its target.

    Parameters
    ----------
    name : str
        A name from ``labkit data list``, a folder, or a CSV file.
    target : str, optional
        The column to predict: `name` is then a CSV file.
    groups : sequence of str
        Sensitive columns of the CSV file.
    **options
        Of `labkit.data.load` or `labkit.data.from_csv`.

    Raises
    ------
    ValueError
        For what cannot be opened, groups without a target, or a size for anything but a folder.
    """
    if not str(name).strip():  # as a path it would be the current folder
        raise ValueError("no data set is named; give a name from labkit data list, a folder of images by class, or a CSV file")
    if "size" in options and (target or name in CATALOGUE):
        raise ValueError(f"size is for a folder of images; open {name} without it")
    if target:
        return from_csv(name, target=target, groups=list(groups), **options)
    if groups:
        raise ValueError("groups are columns of a CSV file; give its target too (--target)")
    return load(name, **options)
