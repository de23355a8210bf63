"""Floating-point operations that a sparse training would take where zeros cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labkit.sparsify.rules import Rule
from labkit.sparsify.schedule import Schedule


@dataclass(frozen=True)
class TrainingFlops:
    """Operations for one example; two for each multiply-accumulate.

    Attributes
    ----------
    inference, training : float
        Of the trained network, and of the whole training.
    dense_inference, dense_training : float
        Of the same network with all its links.
    """

    inference: float
    training: float
    dense_inference: float
    dense_training: float


def training_flops(
    history: list[dict[str, Any]],
    macs: Mapping[str, int],
    sizes: Mapping[str, int],
    *,
    whole: int,
    rule: Rule,
    schedule: Schedule,
) -> TrainingFlops:
    """Count what a training took for an example of each batch.

    A step takes the forward pass f three times; a step before a change of links that ranks places by their gradient takes
    2 f_sparse + f_dense (Evci et al. 2020, appendix H: (3 f_s dT + 2 f_s + f_d) / (dT + 1)).

    Parameters
    ----------
    history : list of dict
        Of `SparsifierCallback`: step, layer, nonzeros.
    macs : mapping of parameter name to int
        Multiply-accumulates of each sparse layer when dense, for one example.
    sizes : mapping of parameter name to int
        Weights of each sparse layer, zeros included.
    whole : int
        Multiply-accumulates of the dense network, for one example.
    rule, schedule
        Of the sparsifier.
    """
    rest = whole - sum(macs.values())
    kept: dict[int, float] = {}  # step -> multiply-accumulates from there on
    for row in history:
        part = macs[row["layer"]] * row["nonzeros"] / sizes[row["layer"]]
        kept[row["step"]] = kept.get(row["step"], float(rest)) + part
    steps = sorted(kept)
    total = 0.0
    for first, last in pairwise([*steps, schedule.total_steps]):
        total += 3 * kept[first] * (last - first)
        if rule.needs_gradient and schedule.updates_at(last):
            total += whole - kept[first]
    return TrainingFlops(
        inference=2 * kept[steps[-1]],
        training=2 * total,
        dense_inference=2.0 * whole,
        dense_training=2.0 * 3 * whole * schedule.total_steps,
    )
