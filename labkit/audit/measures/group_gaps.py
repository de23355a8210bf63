"""Gaps between sensitive groups: accuracy of the worst group, demographic parity and equalized odds difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labkit.audit.evidence import Evidence
from labkit.audit.groups import DIFFERENCES, Fairness
from labkit.audit.measure import Column, Limit, Measure, Measured, Value, group_column, register_measure
from labkit.audit.permutation import judged
from labkit.registry import Param

METRIC_OF = {
    "worst_group_accuracy": "accuracy_score_group_min",
    "eod": "equalized_odds_difference",
    "dpd": "demographic_parity_difference",
}


def _by_column(key: str) -> Callable[[Evidence], Measured]:
    """Return a compute function that reads one fairness metric of every group column, for the model and for the reference."""
    metric = METRIC_OF[key]

    def compute(evidence: Evidence) -> Measured:
        figures: dict[str, float | Value] = {}
        for prefix, found in (("", evidence.groups), ("reference_", evidence.reference_groups)):
            if found is not None:
                figures |= gap_figures(found, key, metric, prefix)
        if metric in DIFFERENCES and evidence.groups is not None:
            figures |= _by_chance(evidence, key, metric)
        return Measured(figures)

    return compute


def gap_figures(found: Fairness, key: str, metric: str, prefix: str = "") -> dict[str, float | Value]:
    """Return one fairness metric of every group column, with its interval.

    Parameters
    ----------
    found : Fairness
    key : str
        Of the measure.
    metric : str
        Row of `Fairness.table`.
    prefix : str
        "reference_" for the uncompressed network.

    Returns
    -------
    dict of str to Value
    """
    rows = ((column, row) for (column, name), row in found.table.iterrows() if name == metric)
    return {f"{prefix}{key}[{column}]": Value(row["value"], row["low"], row["high"]) for column, row in rows}


def _by_chance(evidence: Evidence, key: str, metric: str) -> dict[str, float | Value]:
    """Return the gap that groups drawn at random would show, and how often it would be at least as large."""
    figures: dict[str, float | Value] = {}
    if evidence.groups is None:
        return figures
    for column, gaps in evidence.chance_gaps.items():
        value = float(evidence.groups.table.loc[(column, metric), "value"])
        null, p = judged(gaps, DIFFERENCES[metric], value)
        figures |= {f"{key}_null[{column}]": null, f"{key}_p[{column}]": p}
    return figures


def _gap_delta(key: str) -> Callable[[Mapping[str, float]], tuple[str, str]]:
    """Return the line under a gap: the uncompressed network's, what random groups show, and the accuracy beside it."""

    def delta(figures: Mapping[str, float]) -> tuple[str, str]:
        column = group_column(max((name for name in figures if name.startswith(f"{key}[")), key=lambda name: figures[name]))
        parts = [f"by {column}"]
        for name, words in ((f"reference_{key}", "uncompressed"), (f"{key}_null", "by chance")):
            if f"{name}[{column}]" in figures:
                parts.append(f"{100 * figures[f'{name}[{column}]']:.1f} pp {words}")
        if "accuracy" in figures and len(parts) > 1:
            parts.append(f"at {100 * figures['accuracy']:.1f} % accuracy")
        return ", ".join(parts), "neutral"

    return delta


register_measure(
    Measure(
        "worst_group_accuracy",
        "worst group",
        better="higher",
        format="percent1",
        help="Accuracy of the sensitive group with the lowest accuracy.",
        columns=(
            Column("worst_group_accuracy", "worst group", "percent1", "Accuracy of the sensitive group with the lowest accuracy."),
        ),
        compute=_by_column("worst_group_accuracy"),
        needs=("groups",),
        paper="fairlearn.metrics.accuracy_score_group_min",
    )
)
register_measure(
    Measure(
        "eod",
        "equalized odds gap",
        better="lower",
        format="gap",
        help="Equalized odds difference: the largest gap between groups in true or false positive rates; 0 is parity.",
        columns=(
            Column(
                "eod",
                "equalized odds gap",
                "gap",
                "Equalized odds difference: the largest gap between groups in true or false positive rates; 0 is parity.",
            ),
            Column("eod_null", "equalized odds gap by chance", "gap", "Mean gap if group labels were shuffled among the examples"),
        ),
        limit=Limit(
            Param(0.0, 30.0, 30.0, step=0.5),
            title="equalized odds gap at most",
            unit="pp",
            scale=100,
            said="an equalized odds difference of at most {} pp",
        ),
        delta=_gap_delta("eod"),
        compute=_by_column("eod"),
        needs=("groups",),
        paper="Hardt et al. (2016), Equality of Opportunity in Supervised Learning",
    )
)
register_measure(
    Measure(
        "dpd",
        "demographic parity gap",
        better="lower",
        format="gap",
        help="Demographic parity difference: the largest gap between groups in the rate of favourable predictions; 0 is parity.",
        limit=Limit(
            Param(0.0, 30.0, 30.0, step=0.5),
            title="demographic parity gap at most",
            unit="pp",
            scale=100,
            said="a demographic parity difference of at most {} pp",
        ),
        delta=_gap_delta("dpd"),
        compute=_by_column("dpd"),
        needs=("groups",),
        headline=False,
        paper="Agarwal et al. (2018), A Reductions Approach to Fair Classification",
    )
)
