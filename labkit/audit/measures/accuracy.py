"""Accuracy, and its change against the reference model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from labkit.audit.evidence import Evidence
from labkit.audit.formats import percent, points, signed
from labkit.audit.mcnemar import mcnemar_p, paired_interval
from labkit.audit.measure import Column, Limit, Measure, register_measure
from labkit.audit.wilson import wilson_interval
from labkit.registry import Param


def compute(evidence: Evidence) -> dict[str, float]:
    """Return accuracy with its Wilson interval, and the paired change with its interval and exact McNemar p-value."""
    hits, examples = np.count_nonzero(evidence.correct), len(evidence.labels)
    low, high = wilson_interval(np.array(hits), np.array(examples), evidence.level)
    own = {"accuracy": hits / examples, "accuracy_low": float(low), "accuracy_high": float(high)}
    before = evidence.reference_correct
    return own if before is None else own | _change(before, evidence.correct, evidence.level)


def _change(before: np.ndarray, after: np.ndarray, level: float) -> dict[str, float]:
    n01, n10, examples = (np.array(count) for count in (np.sum(before & ~after), np.sum(after & ~before), len(after)))
    low, high = paired_interval(n01, n10, examples, level)
    return {
        "reference_accuracy": float(before.mean()),
        "accuracy_change": float((n10 - n01) / examples),
        "accuracy_change_low": float(low),
        "accuracy_change_high": float(high),
        "change_p": float(mcnemar_p(n01, n10)),
    }


def _delta(figures: Mapping[str, float]) -> tuple[str, str]:
    if {"accuracy_change", "accuracy_change_low", "accuracy_change_high"} <= figures.keys():
        low, high = figures["accuracy_change_low"], figures["accuracy_change_high"]
        text = f"{points(figures['accuracy_change'])} ({signed(100 * low)} to {signed(100 * high)})"
        return text, "bad" if high < 0 else "good" if low > 0 else "neutral"
    if {"accuracy_low", "accuracy_high"} <= figures.keys():
        return f"{percent(figures['accuracy_low'])} to {percent(figures['accuracy_high'])}", "neutral"
    return "", "neutral"


def _reference(runs: pd.DataFrame) -> dict[str, float]:
    """Accuracy of the reference model with its Wilson interval; its own change is 0."""
    first = runs.iloc[-1]
    accuracy, examples = first.get("reference_accuracy", np.nan), first.get("examples", np.nan)
    if accuracy != accuracy:  # of a task without accuracy
        return {}
    low, high = wilson_interval(np.round(accuracy * examples), np.array(examples))
    return {"accuracy": accuracy, "accuracy_low": float(low), "accuracy_high": float(high), "accuracy_change": 0.0}


register_measure(
    Measure(
        "accuracy",
        "accuracy",
        better="higher",
        format="percent",
        help="Fraction of examples classified correctly; below it the change against the uncompressed network, 95 % interval.",
        limit=Limit(
            Param(0.0, 10.0, 1.0, step=0.1),
            name="accuracy_drop",
            title="accuracy may drop by",
            figure="accuracy_change",
            what="accuracy loss",
            unit="pp",
            scale=100,
            negate=True,
            default=0.01,
            said="an accuracy loss of at most {} pp",
        ),
        compute=compute,
        delta=_delta,
        columns=(
            Column("accuracy", "accuracy", "percent", "On the test data", short=True),
            Column("accuracy_change", "change", "points", "Against the uncompressed network", short=True),
        ),
        reference=_reference,
        paper="Wilson (1927); Agresti and Min (2005); McNemar's exact test",
    )
)
