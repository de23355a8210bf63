"""Whether confidences are right: expected calibration error and Brier score."""

from __future__ import annotations

from labkit.audit.evidence import Evidence
from labkit.audit.measure import Column, Measure, register_measure
from labkit.audit.reliability import brier_score, expected_calibration_error, reliability


def error(evidence: Evidence) -> dict[str, float]:
    """Return the expected calibration error of the top class over 15 bins, beside that of the reference model."""
    own = {"ece": expected_calibration_error(evidence.reliability)}
    before = evidence.reference_probabilities
    return own if before is None else own | {"reference_ece": expected_calibration_error(reliability(before, evidence.labels))}


def brier(evidence: Evidence) -> dict[str, float]:
    """Return the Brier score, 0 (best) to 2, beside that of the reference model."""
    own = {"brier": brier_score(evidence.probabilities, evidence.labels)}
    before = evidence.reference_probabilities
    return own if before is None else own | {"reference_brier": brier_score(before, evidence.labels)}


register_measure(
    Measure(
        "ece",
        "calibration error",
        better="lower",
        format="percent1",
        help="Expected calibration error of the top class over 15 bins: mean distance between confidence and accuracy.",
        compute=error,
        needs=("probabilities",),
        headline=False,
        columns=(Column("ece", "calibration error", "percent1", "Expected calibration error, 15 bins"),),
        paper="Guo et al. (2017), On Calibration of Modern Neural Networks",
    )
)
register_measure(
    Measure(
        "brier",
        "Brier score",
        better="lower",
        format=".3f",
        help="Mean squared distance between the probabilities and the true class, summed over classes: 0 (best) to 2.",
        compute=brier,
        needs=("probabilities",),
        headline=False,
        paper="Brier (1950)",
    )
)
