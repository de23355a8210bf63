"""Gaps between sensitive groups: accuracy of the worst group, demographic parity and equalized odds difference."""

from __future__ import annotations

from collections.abc import Callable

from labkit.audit.evidence import Evidence
from labkit.audit.measure import Column, Limit, Measure, Measured, register_measure
from labkit.registry import Param


def _by_column(key: str, metric: str) -> Callable[[Evidence], Measured]:
    """Return a compute function that reads one fairness metric of every group column."""

    def compute(evidence: Evidence) -> Measured:
        found = evidence.groups
        values = {} if found is None else found.table["value"]
        return Measured({f"{key}[{column}]": value for (column, name), value in values.items() if name == metric})

    return compute


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
        compute=_by_column("worst_group_accuracy", "accuracy_score_group_min"),
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
        ),
        limit=Limit(
            Param(0.0, 30.0, 30.0, step=0.5),
            title="equalized odds gap at most",
            unit="pp",
            scale=100,
            said="an equalized odds difference of at most {} pp",
        ),
        compute=_by_column("eod", "equalized_odds_difference"),
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
        compute=_by_column("dpd", "demographic_parity_difference"),
        needs=("groups",),
        headline=False,
        paper="Agarwal et al. (2018), A Reductions Approach to Fair Classification",
    )
)
