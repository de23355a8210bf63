"""A few real inputs for methods that look at activations: what they may be, and the second moments of what layers are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit.data import Dataset, Split

Inputs = Tensor | Mapping[str, Tensor]
LEAST = 16
PART = 128  # examples at a time
ROOM = 1e9  # bytes of moments that are kept at once


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


class Moments:
    """Running mean and second moments of the rows that a layer is given."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.total = torch.zeros(width, dtype=torch.float64)
        self.square = torch.zeros(width, width, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        """Take in x [..., D]."""
        rows = x.detach().reshape(-1, x.shape[-1]).float()
        self.count += len(rows)
        self.total += rows.sum(0).double()
        self.square += (rows.t() @ rows).double()

    @property
    def mean(self) -> Tensor:
        return (self.total / self.count).float()

    @property
    def second(self) -> Tensor:
        """About zero, [D, D]."""
        return _settled(self.square / self.count)

    @property
    def covariance(self) -> Tensor:
        """About the mean, [D, D]."""
        mean = self.total / self.count
        return _settled(self.square / self.count - torch.outer(mean, mean))


def _settled(moments: Tensor) -> Tensor:
    """With a millionth of the mean variance on the diagonal, so that what never came in has no free hand."""
    moments.diagonal().add_(1e-6 * moments.diagonal().mean().clamp(min=1e-30))
    return moments.float()


def input_moments(model: nn.Module, paths: Sequence[str], inputs: Inputs) -> dict[str, Moments]:
    """Return path -> moments of what each linear layer is given, over all inputs; padding of texts does not count."""
    layers = {path: model.get_submodule(path) for path in paths}
    found = {path: Moments(layer.in_features) for path, layer in layers.items()}  # type: ignore[arg-type]
    some = inputs
    hooks = [
        layer.register_forward_pre_hook(lambda module, given, path=path: found[path].add(*without_padding(some, given[0])))
        for path, layer in layers.items()
    ]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, length_of(inputs), PART):
                some = rows_of(inputs, slice(first, first + PART))
                called(model, some)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return found


def moments_by_group(model: nn.Module, groups: Sequence[Sequence[str]], inputs: Inputs) -> Iterator[dict[str, Moments]]:
    """Yield the `input_moments` of each group of layers; one pass does for as many groups as there is room for."""
    layers: dict[str, Any] = {path: model.get_submodule(path) for group in groups for path in group}
    sizes = [sum(8 * layers[path].in_features ** 2 for path in group) for group in groups]
    first = 0
    while first < len(groups):
        last = first + 1
        while last < len(groups) and sum(sizes[first : last + 1]) <= ROOM:
            last += 1
        found = input_moments(model, [path for group in groups[first:last] for path in group], inputs)
        for group in groups[first:last]:
            yield {path: found.pop(path) for path in group}
        first = last
