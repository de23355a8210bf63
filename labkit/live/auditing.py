"""The audits behind Live's answers: of the outputs so far, and of a step of the stored grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from torch import nn

from labkit.audit import Audit, audit_logits
from labkit.audit.run import cost_summary
from labkit.cost import Cost, cost
from labkit.live.grid import Grid
from labkit.live.session import Session


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


def audit_of(place: Session, logits: np.ndarray, price: tuple[Cost, Cost]) -> Audit:
    """Return the audit of the first examples of the session's order, with costs.

    Parameters
    ----------
    place : Session
    logits : ndarray, [n, C]
        Outputs on the first n examples of the order; where n is the whole split, the audit is in the split's own order.
    price : (Cost, Cost)
        Of the compressed network and of the reference.

    Returns
    -------
    Audit
    """
    done = len(logits)
    if done == len(place.split):
        found = audit_logits(place.in_order(logits), place.split, place.whole_reference())
    else:
        found = audit_logits(logits, place.split.subset(place.order[:done]), place.reference_logits(done))
    summary = pd.concat([found.summary, cost_summary(*price)])
    return replace(found, summary=summary, cost=price[0], reference_cost=price[1], reference_sha=place.sha)


def audit_of_step(place: Session, grid: Grid, value: float) -> Audit | None:
    """Return the audit of a step of the grid, None where the grid does not hold it."""
    return grid.audit(value, place.split, place.whole_reference()) if grid.holds(value) else None
