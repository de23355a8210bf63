"""The audits behind Live's answers: of the outputs so far, and of a step of the stored grid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from labkit.audit import Audit, audit_logits
from labkit.cost import Cost
from labkit.layers import notes_of
from labkit.live.completion import completed
from labkit.live.grid import Grid
from labkit.models import weight_notes

if TYPE_CHECKING:
    from labkit.live.known import Known


def costs(place: Known, small: nn.Module, seconds: float) -> tuple[Cost, Cost]:
    """Return the cost of a compressed network for one example, and that of the reference.

    Parameters
    ----------
    place : Known
    small : nn.Module
    seconds : float
        Time spent on latency.

    Returns
    -------
    (Cost, Cost)
    """
    return place.cost_of(small, seconds), place.reference_cost()


def audit_of(place: Known, small: nn.Module, logits: np.ndarray, price: tuple[Cost, Cost]) -> Audit:
    """Return the audit of the first examples of the shuffled order, by every measure that is always computed.

    Parameters
    ----------
    place : Known
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
    with place.alone():  # a measure may run the networks
        found = audit_logits(logits, split, reference, model=small, reference=place.network, cost=price[0], reference_cost=price[1])
    notes = dict.fromkeys((*found.notes, *weight_notes(place.network), *notes_of(small)))
    return replace(found, reference_sha=place.sha, notes=tuple(notes))


def audit_of_step(place: Known, grid: Grid, value: float) -> Audit | None:
    """Return the audit of a step of the grid, None where the grid does not hold it.

    Parameters
    ----------
    place : Known
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
    return replace(found, summary=completed(grid, value, place.split, place.whole_reference))
