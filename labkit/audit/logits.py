"""`audit_logits`: everything that follows from the outputs of a model; no model is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labkit.audit.assemble import Asked, assemble
from labkit.audit.checks import check_level, check_split, checked_logits
from labkit.audit.evidence import Evidence
from labkit.audit.result import Audit
from labkit.seeds import checked_seed

if TYPE_CHECKING:
    from torch import nn

    from labkit.cost import Cost
    from labkit.data import NodeSplit, Split


def audit_logits(
    logits: np.ndarray,
    split: Split | NodeSplit,
    reference_logits: np.ndarray | None = None,
    level: float = 0.95,
    *,
    model: nn.Module | None = None,
    reference: nn.Module | None = None,
    cost: Cost | None = None,
    reference_cost: Cost | None = None,
    measures: Asked = (),
    seed: int = 0,
) -> Audit:
    """Audit the outputs of a model, quick enough for a slider.

    Parameters
    ----------
    logits : float [N, C]
    split : Split or NodeSplit
    reference_logits : float [N, C], optional
    level : float
        Confidence of the intervals.
    model, reference : nn.Module, optional
        The networks, for measures that need them. They are not run here, and get no fingerprints.
    cost, reference_cost : Cost, optional
        Known costs, for the measures of cost.
    measures : iterable of str, or mapping of str to dict
        Measures with ``when="asked"`` to compute, perhaps with their settings.
    seed : int
        For measures that draw at random.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError, TypeError
        As in `audit`.
    """
    check_split(split)
    check_level(level)
    seed = checked_seed(seed)
    own = checked_logits(logits, split, "model")
    other = None if reference_logits is None else checked_logits(reference_logits, split, "reference")
    evidence = Evidence(
        split,
        own,
        other,
        model=model,
        reference=reference,
        cost=cost,
        reference_cost=reference_cost,
        level=level,
        seed=seed,
    )
    return assemble(evidence, measures)
