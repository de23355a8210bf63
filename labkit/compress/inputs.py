"""Calibration inputs: examples at which methods look at a network's activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit.data import Dataset, Split
from labkit.forwarding import running
from labkit.seeds import checked_seed
from labkit.untouched import untouched

Inputs = Tensor | Mapping[str, Tensor]
LEAST = 16


def calibration_inputs(data: Any, count: int = 1024, seed: int = 0) -> Inputs:
    """Return calibration inputs of a network.

    Parameters
    ----------
    data : Tensor, dict of Tensors, Split or Dataset
        Tensors and dicts of tensors are returned as they are. Of a data set `count` examples of the training part are taken, in
        random order and with equal class frequencies as far as there are enough examples of each class.
    count : int
    seed : int
        Of the choice of examples.

    Returns
    -------
    Tensor or dict of Tensors

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(data, (Tensor, Mapping)):
        return data
    split = data.train if isinstance(data, Dataset) else data
    if not isinstance(split, Split):
        raise TypeError(f"calibration must be a tensor, a dict of tensors or a data set, got {type(data).__name__}")
    seed = checked_seed(seed)
    if split.multilabel:
        return split.inputs(np.random.default_rng(seed).permutation(len(split))[:count])
    return split.inputs(_stratified(np.asarray(split.labels), min(count, len(split)), np.random.default_rng(seed)))


def _stratified(labels: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Rows in which the classes alternate, so that class frequencies are equal in every prefix while examples of each remain."""
    order = random.permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels[order] == label)
        turn[rows] = np.arange(len(rows))
    return order[np.argsort(turn, kind="stable")[:count]]


def check_inputs(model: nn.Module, inputs: Inputs) -> Inputs:
    """Return the inputs if the model takes them.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor or dict of Tensors

    Returns
    -------
    Tensor or dict of Tensors
        The same inputs.

    Raises
    ------
    ValueError
        For NaN or infinite values, fewer than 16 examples, tensors of different lengths, or a shape that the model does not take.
    TypeError
        For parts that are no tensors.
    """
    parts = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    for name, part in parts.items():
        if not isinstance(part, Tensor) or not part.ndim:
            what = "a number" if isinstance(part, Tensor) else type(part).__name__
            raise TypeError(f"calibration input {name} must be a tensor with one row an example, got {what}; use torch.as_tensor")
        if part.is_floating_point() and not torch.isfinite(part).all():
            raise ValueError(f"calibration input {name} has values that are NaN or infinite; leave those examples out")
    lengths = {len(part) for part in parts.values()}
    if len(lengths) != 1:
        raise ValueError(f"calibration inputs must have one number of examples, got {sorted(lengths)}")
    if min(lengths) < LEAST:
        raise ValueError(f"calibration needs at least {LEAST} examples, got {min(lengths)}; a few hundred are better")
    with untouched(model), running("the network", inputs, "the calibration inputs"):
        called(model, rows_of(inputs, slice(0, 2)))
    return inputs


def length_of(inputs: Inputs) -> int:
    """Return the number of examples."""
    return len(next(iter(inputs.values()))) if isinstance(inputs, Mapping) else len(inputs)


def rows_of(inputs: Inputs, rows: slice | Tensor) -> Inputs:
    """Return some of the examples, given by a slice or an index tensor."""
    return {name: part[rows] for name, part in inputs.items()} if isinstance(inputs, Mapping) else inputs[rows]


def without_padding(inputs: Inputs, *values: Tensor) -> tuple[Tensor, ...]:
    """Remove padding from values [examples, tokens, ...], as ``attention_mask`` [examples, tokens] marks it.

    Parameters
    ----------
    inputs : Tensor or dict of Tensors
        Calibration inputs.
    *values : Tensor
        Activations on these inputs.

    Returns
    -------
    tuple of Tensor
        [unmasked tokens, ...]; values of another shape, and all values where the inputs have no mask, are returned as they are.
    """
    mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    if mask is None or any(value.shape[: mask.ndim] != mask.shape for value in values):
        return values
    return tuple(value[mask.bool()] for value in values)


def called(model: nn.Module, inputs: Inputs) -> Any:
    """Return the output of the model, called with a tensor or with a dict of keyword arguments."""
    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
