"""Floating-point operations of a sparse training, operations with zeros not counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labkit.sparsify.schedule import Schedule
from labkit.sparsify.update_rule import UpdateRule


@dataclass(frozen=True)
class TrainingFlops:
    """FLOPs for one example, two per multiply-accumulate.

    Attributes
    ----------
    inference, training : float
        Of one forward pass of the trained network, and of the whole training.
    dense_inference, dense_training : float
        Of the same network without zeros.
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
    rule: UpdateRule,
    schedule: Schedule,
) -> TrainingFlops:
    """Count the FLOPs of a training, for one example of each batch.

    With a forward pass of f FLOPs a step takes 3 f; a step before an update that needs the dense gradient takes
    2 f_sparse + f_dense.

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

    Returns
    -------
    TrainingFlops

    References
    ----------
    Evci et al., Rigging the lottery, 2020, appendix H: (3 f_S dT + 2 f_S + f_D) / (dT + 1).
    """
    rest = whole - sum(macs.values())
    kept: dict[int, float] = {}  # step -> multiply-accumulates from that step on
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
