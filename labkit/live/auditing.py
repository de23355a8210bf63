"""The audits behind Live's answers: of the outputs so far, and of a step of the stored grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import nn

from labkit.audit import MEASURES, Audit, Evidence, Measure, audit_logits
from labkit.audit.assemble import computed, flat
from labkit.audit.tasks import task_of
from labkit.cost import Cost, cost
from labkit.data import Split
from labkit.live.grid import Grid

if TYPE_CHECKING:
    from labkit.live.sessions import Session

# Of a step of the grid the predicted classes are known exactly, but neither probabilities nor the network.
FROM_CLASSES = frozenset({"reference", "groups"})


def costs(place: Session, small: nn.Module, seconds: float) -> tuple[Cost, Cost]:
    """Return the cost of a compressed network for one example, and that of the reference.

    Parameters
    ----------
    place : Session
    small : nn.Module
    seconds : float
        Time spent on latency.

    Returns
    -------
    (Cost, Cost)
    """
    example = place.split.inputs(slice(0, 1))
    return cost(small, example, reference=place.model, seconds=seconds), place.reference_cost


def audit_of(place: Session, small: nn.Module, logits: np.ndarray, price: tuple[Cost, Cost]) -> Audit:
    """Return the audit of the first examples of the session's order, by every measure that is always computed.

    Parameters
    ----------
    place : Session
    small : nn.Module
        The compressed network.
    logits : ndarray, [n, C]
        Its outputs on the first n examples of the order; where n is the whole split, the audit is in the split's own order.
    price : (Cost, Cost)
        Of the compressed network and of the reference.

    Returns
    -------
    Audit
    """
    done = len(logits)
    if done == len(place.split):
        split, logits, reference = place.split, place.in_order(logits), place.whole_reference()
    else:
        split, reference = place.split.subset(place.order[:done]), place.reference_logits(done)
    found = audit_logits(logits, split, reference, model=small, reference=place.model, cost=price[0], reference_cost=price[1])
    return replace(found, reference_sha=place.sha)


def missing(figures: Iterable[str], split: Split) -> list[Measure]:
    """Return the measures that are always computed, apply to the split, and have no figure yet.

    Parameters
    ----------
    figures : iterable of str
        Keys of an audit's summary.
    split : Split

    Returns
    -------
    list of Measure
    """
    task, grouped = task_of(split), split.groups is not None and split.groups.shape[1] > 0
    there = list(figures)
    return [
        measure
        for measure in MEASURES.values()
        if measure.when == "always"
        and task in measure.tasks
        and (grouped or "groups" not in measure.needs)
        and not any(name == measure.key or name.startswith((f"{measure.key}_", f"{measure.key}[")) for name in there)
    ]


def usable(grid: Grid, split: Split) -> bool:
    """Whether a stored grid can answer: what it lacks can be computed from its predicted classes.

    Parameters
    ----------
    grid : Grid
    split : Split

    Returns
    -------
    bool
    """
    return all(FROM_CLASSES.issuperset(measure.needs) for measure in missing(grid.summary(grid.values[0]), split))


def completed(place: Session, grid: Grid, value: float) -> pd.Series:
    """Return the stored figures of a step, and those of measures that were registered after the grid was made.

    Parameters
    ----------
    place : Session
    grid : Grid
        A `usable` one.
    value : float
        Of the slider, a step of the grid.

    Returns
    -------
    Series of float
    """
    figures: Mapping[str, float] = grid.summary(value)
    lacking = missing(figures, place.split)
    if lacking:
        evidence = Evidence(place.split, grid.logits(value, len(place.split.classes)), place.whole_reference())
        for measure in lacking:
            figures = {**figures, **flat(computed(measure, evidence, measure.settings({})))}
    return pd.Series(figures, dtype=float)


def audit_of_step(place: Session, grid: Grid, value: float) -> Audit | None:
    """Return the audit of a step of the grid, None where the grid does not hold it.

    Parameters
    ----------
    place : Session
    grid : Grid
        A `usable` one.
    value : float
        Of the slider.

    Returns
    -------
    Audit or None
    """
    if not grid.holds(value):
        return None
    found = grid.audit(value, place.split, place.whole_reference())
    return replace(found, summary=completed(place, grid, value))
