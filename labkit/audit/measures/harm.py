"""How many classes and groups a compressed model harmed, and of how many that cannot be told."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from labkit.audit.evidence import Evidence
from labkit.audit.measure import Column, Limit, Measure, Measured, Value, group_column, register_measure
from labkit.audit.verdicts import HARM, HARMED, UNCLEAR
from labkit.registry import Param

MARGIN = f"{100 * HARM:g} pp"


def counts_of(table: pd.DataFrame, of: str, column: str = "") -> dict[str, float | Value]:
    """Count the verdicts of a table of changes.

    Parameters
    ----------
    table : DataFrame
        With ``change`` and ``verdict``, one row per class or group.
    of : str
        "classes" or "groups".
    column : str
        Sensitive column.

    Returns
    -------
    dict
        ``harmed_OF`` (at most as many as its upper limit, which counts those that cannot be told), ``unclear_OF``, and
        ``lower_OF``: rows whose measured loss is beyond the margin, told or not.
    """
    harmed, unclear = (float((table["verdict"] == verdict).sum()) for verdict in (HARMED, UNCLEAR))
    tail = f"[{column}]" if column else ""
    return {
        f"harmed_{of}{tail}": Value(harmed, harmed, harmed + unclear),
        f"unclear_{of}{tail}": unclear,
        f"lower_{of}{tail}": float((table["change"] < -HARM).sum()),
    }


def classes(evidence: Evidence) -> dict[str, float | Value]:
    """Count harmed and unclear classes."""
    return counts_of(evidence.per_class, "classes")


def groups(evidence: Evidence) -> Measured:
    """Count harmed and unclear groups of every sensitive column."""
    table = evidence.group_changes
    figures: dict[str, float | Value] = {}
    if table is not None:
        for column in table.index.get_level_values(0).unique():
            figures |= counts_of(table.loc[column], "groups", column)
    return Measured(figures)


def _delta(figures: Mapping[str, float]) -> tuple[str, str]:
    unclear = figures.get("unclear_classes", 0)
    text = f"cannot tell for {unclear:.0f}" if unclear else ""
    return text, "bad" if figures["harmed_classes"] else "neutral" if unclear else "good"


def _group_delta(figures: Mapping[str, float]) -> tuple[str, str]:
    column = group_column(MEASURE_OF_GROUPS.worst(figures) or "")
    unclear = figures.get(f"unclear_groups[{column}]", 0)
    text = f"by {column}" + (f", cannot tell for {unclear:.0f}" if unclear else "")
    return text, "bad" if figures[f"harmed_groups[{column}]"] else "neutral" if unclear else "good"


register_measure(
    Measure(
        "harmed_classes",
        "harmed classes",
        better="lower",
        format="count",
        help=f"Classes that lost more than {MARGIN} of accuracy: the whole 95 % interval of the change lies below that.",
        limit=Limit(
            Param(0, 100, 0, step=1),
            title="harmed classes at most",
            figure="lower_classes",
            bound="harmed_classes_high",
            what="classes harmed",
            default=0,
            said="at most {} harmed classes",
            zero="no class harmed",
        ),
        compute=classes,
        needs=("reference",),
        delta=_delta,
        columns=(
            Column("harmed_classes", "harmed classes", "count", f"Classes that lost more than {MARGIN} beyond doubt", short=True),
            Column("unclear_classes", "unclear classes", "count", "Classes with too few examples to tell", short=True),
        ),
        neutral=0.0,
        paper="Piaggio et al. (2012), Reporting of Noninferiority and Equivalence Randomized Trials",
    )
)
MEASURE_OF_GROUPS = Measure(
    "harmed_groups",
    "harmed groups",
    better="lower",
    format="count",
    help=f"Sensitive groups that lost more than {MARGIN} of accuracy: the whole 95 % interval of the change lies below that.",
    limit=Limit(
        Param(0, 20, 20, step=1),
        title="harmed groups at most",
        figure="lower_groups",
        bound="harmed_groups_high",
        what="groups harmed",
        said="at most {} harmed groups",
        zero="no group harmed",
    ),
    compute=groups,
    needs=("groups", "reference"),
    delta=_group_delta,
    columns=(
        Column("harmed_groups", "harmed groups", "count", f"Groups that lost more than {MARGIN} beyond doubt"),
        Column("unclear_groups", "unclear groups", "count", "Groups with too few examples to tell"),
    ),
    neutral=0.0,
)
register_measure(MEASURE_OF_GROUPS)
