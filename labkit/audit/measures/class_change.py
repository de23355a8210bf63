"""Which classes a compressed model changed: the largest loss, the number of affected classes, the agreement of predictions."""

from __future__ import annotations

from collections.abc import Mapping

from labkit.audit.evidence import Evidence
from labkit.audit.measure import Column, Limit, Measure, register_measure
from labkit.registry import Param


def worst(evidence: Evidence) -> float:
    """Return the change of accuracy of the class that lost most."""
    return float(evidence.per_class["change"].min())


def affected(evidence: Evidence) -> float:
    """Return the number of classes with a significant change."""
    return float(evidence.per_class["affected"].sum())


def agreement(evidence: Evidence) -> float:
    """Return the fraction of examples that both networks put into the same class."""
    return float((evidence.predicted == evidence.reference_predicted).mean())


def _worst_tone(figures: Mapping[str, float]) -> tuple[str, str]:
    """A loss that chance explains is not bad: classes are judged by their intervals, as far as that was done."""
    harmed = figures.get("harmed_classes", figures["worst_class_change"] < 0)
    return "", "bad" if harmed else "neutral"


def _affected_tone(figures: Mapping[str, float]) -> tuple[str, str]:
    """Neutral: a gain counts too."""
    return "gains count too", "neutral"


register_measure(
    Measure(
        "worst_class_change",
        "worst class",
        better="higher",
        format="points1",
        help="Change of accuracy of the class that lost most, in percentage points.",
        columns=(
            Column(
                "worst_class_change",
                "worst class",
                "points1",
                "Change of accuracy of the class that lost most, in percentage points.",
            ),
        ),
        compute=worst,
        needs=("reference",),
        delta=_worst_tone,
    )
)
register_measure(
    Measure(
        "affected_classes",
        "affected classes",
        better="lower",
        format="count",
        help="Classes whose accuracy fell or rose beyond chance: exact McNemar test, Benjamini-Hochberg, q < 0.05.",
        limit=Limit(
            Param(0, 100, 100, step=1),
            title="affected classes at most",
            said="at most {} affected classes",
            zero="no affected class",
        ),
        compute=affected,
        needs=("reference",),
        headline=False,
        delta=_affected_tone,
        neutral=0.0,
        paper="Hooker et al. (2019), What Do Compressed Deep Neural Networks Forget?",
    )
)
register_measure(
    Measure(
        "agreement",
        "agreement",
        better="higher",
        format="percent",
        help="Fraction of examples that both networks put into the same class.",
        compute=agreement,
        needs=("reference",),
        headline=False,
    )
)
