"""The catalogue of data sets, and `load`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from labkit.data import images, tables
from labkit.data.folders import image_folder
from labkit.data.paths import as_path, lies_there, shown
from labkit.data.split import Dataset
from labkit.messages import unknown_name
from labkit.words import shortly


@dataclass(frozen=True)
class Entry:
    """A data set of the catalogue.

    Attributes
    ----------
    kind : str
        "images" or "table".
    about : str
        Description in ``labkit data list``.
    bundled : bool
        Whether labkit contains the files.
    load : callable
        Function that returns the `Dataset`.
    """

    kind: str
    about: str
    bundled: bool
    load: Callable[..., Dataset]


CATALOGUE = {
    "mnist": Entry("images", "handwritten digits, 1x28x28, 10 classes", True, partial(images.bundled, "mnist")),
    "fashion_mnist": Entry(
        "images", "photographs of garments, 1x28x28, 10 classes", True, partial(images.bundled, "fashion_mnist")
    ),
    "cifar10": Entry("images", "objects, 3x32x32, 10 classes", False, partial(images.cifar, "cifar10")),
    "cifar100": Entry("images", "objects, 3x32x32, 100 classes", False, partial(images.cifar, "cifar100")),
    **{
        name: Entry("table", f"{table.meaning}; groups {', '.join(table.groups)}", True, partial(tables.bundled, name))
        for name, table in tables.TABLES.items()
    },
}


def load(name: str | os.PathLike, *, favourable: str | None = None, **options: Any) -> Dataset:
    """Load a data set by name, or a folder of images by path.

    Parameters
    ----------
    name : str or path
        A name from ``labkit data list``, or a folder with one subfolder of images per class.
    favourable : str, optional
        The class that people want, whose rates are compared between groups; by default the last of two.
    **options
        ``root`` for cifar10 and cifar100; ``size`` and ``seed`` for a folder (see `labkit.data.image_folder`).

    Returns
    -------
    Dataset
        Train, validation and test parts.

    Raises
    ------
    ValueError
        If the name or the favourable class is unknown (the message suggests similar ones), or files are missing or damaged.

    Examples
    --------
    >>> load("fashion_mnist").test.images.shape
    (10000, 1, 28, 28)
    """
    text = name if isinstance(name, str) and name in CATALOGUE else os.fspath(as_path(name, "a folder, or a name of a data set"))
    dataset = _load(text, options)
    return dataset if favourable is None else dataset.with_favourable(favourable)


def _load(text: str, options: dict[str, Any]) -> Dataset:
    lies = lies_there(Path(text))
    if text not in CATALOGUE and lies != "folder":
        if lies == "file" or text.lower().endswith((".csv", ".csv.gz", ".tsv")):
            what = shown(text)
            raise ValueError(f"{what}: a table needs a target column; use labkit.data.from_csv({what!r}, target=…, groups=[…])")
        raise unknown_name("data set", shown(text), CATALOGUE, "or the path of a folder with one subfolder of images per class")
    loader = CATALOGUE[text].load if text in CATALOGUE else partial(image_folder, text)
    strange = sorted(set(options) - set(signature(loader).parameters))
    if strange:
        raise TypeError(f"{shown(text)} takes no option {shortly(strange[0])}; leave it out")
    return loader(**options)
