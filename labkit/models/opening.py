"""`open_model`: a model and its data as users specify them on a command line or in a form."""

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
    """Open a model and its data; a timm model is built for the classes and channels of the data.

    Parameters
    ----------
    name : str
        A reference model, or timm:NAME.
    weights : path, optional
        File of weights.
    data : str, optional
        A data set, a folder of images or a CSV file; by default the training data of a reference model.
    target : str, optional
        Target column of a CSV file.
    groups : sequence of str
        Sensitive features of a CSV file.
    size : int, optional
        Side in pixels to which the images of a folder are resized.

    Returns
    -------
    model : nn.Module
        In eval mode.
    dataset : Dataset
        Its data.

    Raises
    ------
    ValueError
        If a timm model has no data or no images, or anything cannot be opened.
    """
    timm = name.startswith("timm:")
    if not data and timm:
        kinds = "a data set's name, a folder of images by class, or a CSV file with its target"
        raise ValueError(f"{name} needs data (--data): {kinds}")
    options = {} if size is None else {"size": size}
    dataset = open_dataset(data or get_recipe(name).data, target=target, groups=groups, **options)
    return load(name, weights=weights, **(_timm_options(dataset) if timm else {})), dataset


def _timm_options(dataset: Dataset) -> dict[str, Any]:
    """Numbers of classes and channels of a timm model for this data set."""
    if dataset.train.images is None:
        raise ValueError(f"timm models take images; {dataset.name} holds none")
    return {"num_classes": len(dataset.classes), "in_chans": dataset.train.images.shape[1]}
