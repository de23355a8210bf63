"""`open_dataset`: data sets as users specify them on a command line or in a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.data.catalogue import CATALOGUE, load
from labkit.data.csv import from_csv
from labkit.data.reading import OPENERS
from labkit.data.split import Dataset

# how a CSV file is read, for people who can name it and not call `from_csv`
TABLE_OPTIONS = ("encoding", "missing", "categories", "drop", "separator", "decimal")
TABLES = tuple(kind + packed for kind in (".csv", ".tsv") for packed in ("", *OPENERS, *(f".tar{ending}" for ending in OPENERS)))
TAB = {"tab": "\t", "\\t": "\t"}


def is_table(name: str) -> bool:
    """Whether a name ends like a CSV file.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_table("people.csv"), is_table("pictures")
    (True, False)
    """
    return str(name).lower().endswith(TABLES)


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
        Passed to `labkit.data.load` or `labkit.data.from_csv`. Those of `TABLE_OPTIONS` that are None or empty count as not given.

    Returns
    -------
    Dataset
        Train, validation and test parts.

    Raises
    ------
    ValueError
        If it cannot be opened, the favourable class is unknown, groups are given without a target, a size is given without a
        folder of images, or an option of tables for something else.
    """
    if not str(name).strip():  # an empty path would be the current folder
        raise ValueError("no data set given; give a name from labkit data list, a folder of images by class, or a CSV file")
    options = {key: value for key, value in options.items() if key not in TABLE_OPTIONS or value}
    if "size" in options and (target or name in CATALOGUE):
        raise ValueError(f"size applies only to a folder of images; open {name} without it")
    if target or options.get("like") is not None:
        if "separator" in options:
            options["separator"] = TAB.get(options["separator"], options["separator"])
        return from_csv(name, target=target, groups=groups, favourable=favourable or None, **options)
    if groups:
        raise ValueError("groups are columns of a CSV file; give its target too (--target)")
    of_tables = [key for key in TABLE_OPTIONS if key in options]
    if of_tables and not is_table(name):
        raise ValueError(f"{of_tables[0]} applies only to a CSV file; open {name} without it")
    options = {key: value for key, value in options.items() if key not in of_tables}
    return load(name, favourable=favourable or None, **options)
