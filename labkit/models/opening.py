"""`open_model`: a model and its data as users specify them on a command line or in a form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from labkit.data import TABLE_OPTIONS, Dataset, NodeSplit, Split, open_dataset
from labkit.models.catalogue import NAMES, get_recipe, input_shape, load
from labkit.models.own import built_for_data
from labkit.models.small_mlp import SMALL_MLP
from labkit.training import logits_of
from labkit.untouched import untouched


def open_model(
    name: str,
    *,
    weights: str | os.PathLike | None = None,
    data: str | None = None,
    target: str | None = None,
    groups: Sequence[str] = (),
    size: int | None = None,
    favourable: str | None = None,
    seed: int = 0,
    **options: Any,
) -> tuple[nn.Module, Dataset]:
    """Open a model and its data; a timm model is built for the classes, channels and picture size of the data.

    Parameters
    ----------
    name : str
        A reference model, or timm:NAME; a network of the user's own where the command line has named it.
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
    favourable : str, optional
        The class that is good to get, for fairness.
    seed : int
        Of random weights.
    **options
        How a CSV file is read (`labkit.data.TABLE_OPTIONS`), and for timm:NAME, instead of what the data say.

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
    if not data and built_for_data(name):
        raise ValueError(needs_data(name))
    given: dict[str, Any] = {"size": size, "favourable": favourable}
    given |= {key: options.pop(key) for key in TABLE_OPTIONS if key in options}
    further = {key: value for key, value in given.items() if value is not None}
    dataset = open_dataset(data or get_recipe(name).data, target=target, groups=groups, **further)
    return load(name, weights=weights, seed=seed, **(options_for(name, dataset, options) | options)), dataset


def needs_data(name: str) -> str:
    """Return the sentence about a network that is built for its data, and has none.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    return f"{name} needs data (--data): a data set's name, a folder of images by class, or a CSV file with its target"


def options_for(name: str, dataset: Dataset, given: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what a network must be told of a data set when it is built.

    Parameters
    ----------
    name : str
        As `labkit.models.load` takes it.
    dataset : Dataset
    given : dict, optional
        Options that are settled already.

    Returns
    -------
    dict
        Numbers of classes and channels (of columns, for a table), and ``img_size`` where the architecture needs it; nothing for a
        reference model.

    Raises
    ------
    ValueError
        For a timm model and data without images.
    """
    timm, images = name.startswith("timm:"), getattr(dataset.train, "images", None)
    if not built_for_data(name):
        return {}
    if timm and images is None:
        raise ValueError(f"timm models take images; {dataset.name} holds none")
    if name == SMALL_MLP and getattr(dataset.train, "x", None) is None:
        raise ValueError(f"{SMALL_MLP} takes the rows of a table; {dataset.name} holds none")
    rows = dataset.train.graph.x if isinstance(dataset.train, NodeSplit) else getattr(dataset.train, "x", None)
    shape: tuple[int, ...] = tuple(images.shape if images is not None else getattr(rows, "shape", (0,)))
    found = {"num_classes": len(dataset.classes)} | ({"in_chans": int(shape[1])} if len(shape) > 1 else {})
    if timm and not (given or {}).get("img_size"):
        from labkit.models.from_timm import image_options  # local: importing timm takes seconds

        found |= image_options(name.removeprefix("timm:"), *shape[2:])
    return found


def check_takes(model: nn.Module, split: Split | NodeSplit, name: str, data: str) -> None:
    """Run a network on one example, so that what it raises becomes a sentence.

    Parameters
    ----------
    model : nn.Module
        Left as it was.
    split : Split or NodeSplit
    name, data : str
        For the message.

    Raises
    ------
    ValueError
        When the network does not take the example, or returns no logits.
    """
    inputs = inputs_of(split)
    first = next(model.parameters(), torch.empty(0))
    given = [part.to(first.device) for part in inputs]
    if first.is_floating_point() and not isinstance(split, NodeSplit):
        given = [part.to(first.dtype) if part.is_floating_point() else part for part in given]
    try:
        with untouched(model):
            logits_of(model(*given), name)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a user's forward may raise anything
        remedy = remedy_of(name, tuple(inputs[0].shape[1:]))
        raise ValueError(
            f"{name} does not take the examples of {data} ({shape_of(inputs)}): {remedy or reason_of(error)}"
        ) from error


def remedy_of(name: str, shape: tuple[int, ...]) -> str:
    """Return what to do where a reference model does not take examples of a shape.

    Parameters
    ----------
    name : str
        Of the network.
    shape : tuple of int
        Of one example.

    Returns
    -------
    str
        Empty where nothing is known, e.g. for a network of the user's own.

    Examples
    --------
    >>> remedy_of("lenet_mnist", (1, 32, 32))
    'it takes images of 28 x 28 pixels; give size=28 to resize them all'
    """
    if name not in NAMES:
        return ""
    wanted = input_shape(name)
    if len(wanted) == len(shape) == 3 and wanted[0] == shape[0] and wanted[1:] != shape[1:]:
        return f"it takes images of {wanted[1]} x {wanted[2]} pixels; give size={wanted[1]} to resize them all"
    what = (
        f"images of shape {list(wanted)}" if len(wanted) == 3 else f"rows of {wanted[0]} numbers, those of {get_recipe(name).data}"
    )
    other = "timm:NAME is built for any images" if len(shape) == 3 else f"train {SMALL_MLP} on the table"
    return f"it takes {what}; {other}" if wanted != shape else ""


def inputs_of(split: Split | NodeSplit) -> tuple[torch.Tensor, ...]:
    """Return one example of a split, or the whole graph.

    Parameters
    ----------
    split : Split or NodeSplit

    Returns
    -------
    tuple of Tensor
    """
    return split.inputs() if isinstance(split, NodeSplit) else (split.inputs(slice(0, 1)),)


def shape_of(inputs: Sequence[torch.Tensor]) -> str:
    """Return types and shapes of inputs in words.

    Parameters
    ----------
    inputs : sequence of Tensor

    Returns
    -------
    str

    Examples
    --------
    >>> shape_of([torch.zeros(1, 3)])
    'float32 [1, 3]'
    """
    return ", ".join(f"{str(part.dtype).removeprefix('torch.')} {list(part.shape)}" for part in inputs)


def reason_of(error: BaseException) -> str:
    """Return the first line of an error, with its type where the line alone says little.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str

    Examples
    --------
    >>> reason_of(KeyError("mask")), reason_of(RuntimeError("shapes differ"))
    ("KeyError: 'mask'", 'shapes differ')
    """
    line = (str(error).strip().splitlines() or [""])[0]
    plain = line and isinstance(error, (ValueError, RuntimeError, TypeError))
    return line if plain else f"{type(error).__name__}: {line}".rstrip(": ")
