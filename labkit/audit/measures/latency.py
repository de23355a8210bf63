"""Latency of one example."""

from __future__ import annotations

import pandas as pd

from labkit.audit.evidence import Evidence
from labkit.audit.measure import Column, Limit, Measure, register_measure
from labkit.audit.measures.costs import TASKS, ratio_delta
from labkit.registry import Param


def compute(evidence: Evidence) -> dict[str, float]:
    """Return the median latency in milliseconds and its ratio to that of the reference; nothing where none was measured."""
    timing = None if evidence.cost is None else evidence.cost.latency
    if timing is None:
        return {}
    own = {"latency_ms": timing.median}
    # `Latency.ratio` is a speed-up; the summary has this model over the reference, as for every cost
    return own if timing.ratio is None else own | {"latency_ratio": 1 / timing.ratio}


def _reference(runs: pd.DataFrame) -> dict[str, float]:
    """Median over the runs, because every run timed the reference model again."""
    if not {"latency_ms", "latency_ratio"} <= set(runs.columns):
        return {}
    return {"latency_ms": float((runs["latency_ms"] / runs["latency_ratio"]).median()), "latency_ratio": 1.0}


register_measure(
    Measure(
        "latency_ms",
        "latency",
        better="lower",
        format="ms",
        help="Median time for one example, timed alternately with the uncompressed network on the machine that made the figures.",
        limit=Limit(
            Param(5.0, 200.0, 200.0, step=5.0),
            name="latency_ratio",
            title="latency at most",
            figure="latency_ratio",
            unit="%",
            scale=100,
            said="at most {} % of the latency",
        ),
        compute=compute,
        needs=("cost",),
        tasks=TASKS,
        delta=ratio_delta("latency_ratio", even=0.05),
        columns=(
            Column("latency_ms", "latency", "ms", "One example, when the run was made"),
            Column("latency_ratio", "of the latency", "share", "Relative to the uncompressed network"),
        ),
        reference=_reference,
    )
)
