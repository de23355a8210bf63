"""Multiply-accumulates."""

from __future__ import annotations

from labkit.audit.measure import Column, Measure, register_measure
from labkit.audit.measures.costs import TASKS, counted, ratio_delta

register_measure(
    Measure(
        "macs",
        "multiply-adds",
        better="lower",
        format="operations",
        help="Multiply-accumulates that are executed for one example.",
        columns=(Column("macs", "multiply-adds", "operations", "Multiply-accumulates that are executed for one example."),),
        compute=counted("macs", lambda cost: cost.macs),
        needs=("cost",),
        tasks=TASKS,
        delta=ratio_delta("macs_ratio"),
    )
)
