"""Calibration inputs: examples at which methods look at a network's activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit.data import Dataset, Split

Inputs = Tensor | Mapping[str, Tensor]
LEAST = 16


def calibration_inputs(data: Any, count: int = 1024, seed: int = 0) -> Inputs:
    """Return inputs of a network: tensors and dicts of tensors as they are; of a data set `count` examples of the training part.

    As many of every class as there are, in random order.

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
    return split.inputs(_stratified(np.asarray(split.labels), min(count, len(split)), np.random.default_rng(seed)))


def _stratified(labels: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Rows in which classes take turns, so that any first `count` of them have as many of each as there are."""
    order = random.permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels[order] == label)
        turn[rows] = np.arange(len(rows))
    return order[np.argsort(turn, kind="stable")[:count]]


def check_inputs(model: nn.Module, inputs: Inputs) -> Inputs:
    """Return the inputs if the model takes them.

    Raises
    ------
    ValueError
        For NaN or infinite values, fewer than 16 examples, tensors of unlike length, or a shape that the model does not take.
    """
    parts = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    for name, part in parts.items():
        if part.is_floating_point() and not torch.isfinite(part).all():
            raise ValueError(f"calibration input {name} has values that are NaN or infinite; leave those examples out")
    lengths = {len(part) for part in parts.values()}
    if len(lengths) != 1:
        raise ValueError(f"calibration inputs must have one number of examples, got {sorted(lengths)}")
    if min(lengths) < LEAST:
        raise ValueError(f"calibration needs at least {LEAST} examples, got {min(lengths)}; a few hundred are better")
    try:
        with torch.no_grad():
            called(model, rows_of(inputs, slice(0, 2)))
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        shapes = ", ".join(f"{name} {list(part.shape)}" for name, part in parts.items())
        raise ValueError(f"the network does not take the calibration inputs ({shapes}): {str(error).splitlines()[0]}") from error
    return inputs


def length_of(inputs: Inputs) -> int:
    """Number of examples."""
    return len(next(iter(inputs.values()))) if isinstance(inputs, Mapping) else len(inputs)


def rows_of(inputs: Inputs, rows: slice | Tensor) -> Inputs:
    """Some of the examples."""
    return {name: part[rows] for name, part in inputs.items()} if isinstance(inputs, Mapping) else inputs[rows]


def without_padding(inputs: Inputs, *values: Tensor) -> tuple[Tensor, ...]:
    """Leave out of values [examples, tokens, ...] what ``attention_mask`` [examples, tokens] says is padding.

    Values of another shape, and all values where the inputs have no such mask, come back as they are.
    """
    mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    if mask is None or any(value.shape[: mask.ndim] != mask.shape for value in values):
        return values
    return tuple(value[mask.bool()] for value in values)


def called(model: nn.Module, inputs: Inputs) -> Any:
    """What the model makes of the inputs."""
    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
