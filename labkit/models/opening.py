"""`open_model`: a network and the data it is for, as users name them on a command line or in a form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from torch import nn

from labkit.data import Dataset, open_dataset
from labkit.models.catalogue import get_recipe, load


def open_model(
    name: str,
    *,
    weights: str | os.PathLike | None = None,
    data: str | None = None,
    target: str | None = None,
    groups: Sequence[str] = (),
    size: int | None = None,
) -> tuple[nn.Module, Dataset]:
    """Open a network and its data; a timm model gets as many classes and channels as the data have.

    Parameters
    ----------
    name : str
        A reference model, or timm:NAME.
    weights : path, optional
        Your own weights.
    data : str, optional
        A data set, a folder of images or a CSV file; by default what a reference model was trained on.
    target, groups
        Of a CSV file, see `labkit.data.open_dataset`.
    size : int, optional
        Resize the images of a folder to this many pixels.

    Raises
    ------
    ValueError
        For a timm model without data, or with data that are no images, and for whatever cannot be opened.
    """
    timm = name.startswith("timm:")
    if not data and timm:
        kinds = "a data set's name, a folder of images by class, or a CSV file with its target"
        raise ValueError(f"{name} needs data (--data): {kinds}")
    options = {} if size is None else {"size": size}
    dataset = open_dataset(data or get_recipe(name).data, target=target, groups=groups, **options)
    return load(name, weights=weights, **(_timm_options(dataset) if timm else {})), dataset


def _timm_options(dataset: Dataset) -> dict[str, Any]:
    """Classes and channels that a timm model must have for this data set."""
    if dataset.train.images is None:
        raise ValueError(f"timm models take images; {dataset.name} holds none")
    return {"num_classes": len(dataset.classes), "in_chans": dataset.train.images.shape[1]}
