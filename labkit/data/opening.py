"""`open_dataset`: data sets as users specify them on a command line or in a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.data.catalogue import CATALOGUE, load
from labkit.data.csv import from_csv
from labkit.data.split import Dataset


def open_dataset(
    name: str, *, target: str | None = None, groups: Sequence[str] = (), favourable: str | None = None, **options: Any
) -> Dataset:
    """Open a data set by name, a folder of images by class, or a CSV file.

    Parameters
    ----------
    name : str
        A name from ``labkit data list``, a folder, or a CSV file.
    target : str, optional
        Column to predict; implies that `name` is a CSV file.
    groups : sequence of str
        Sensitive features of the CSV file.
    favourable : str, optional
        The class that people want, whose rates are compared between groups; by default the last of two.
    **options
        Passed to `labkit.data.load` or `labkit.data.from_csv`.

    Returns
    -------
    Dataset
        Train, validation and test parts.

    Raises
    ------
    ValueError
        If it cannot be opened, the favourable class is unknown, groups are given without a target, or a size is given without a
        folder of images.
    """
    if not str(name).strip():  # an empty path would be the current folder
        raise ValueError("no data set given; give a name from labkit data list, a folder of images by class, or a CSV file")
    if "size" in options and (target or name in CATALOGUE):
        raise ValueError(f"size applies only to a folder of images; open {name} without it")
    if target or options.get("like") is not None:
        return from_csv(name, target=target, groups=groups, favourable=favourable or None, **options)
    if groups:
        raise ValueError("groups are columns of a CSV file; give its target too (--target)")
    return load(name, favourable=favourable or None, **options)
