"""What a compression cost: accuracy, class bias, calibration, fairness, bytes and latency, compared with a reference model."""

from labkit.audit import measures as _measures  # noqa: F401, registers the built-in measures
from labkit.audit.classes import class_bias
from labkit.audit.evidence import Evidence
from labkit.audit.groups import Fairness, fairness
from labkit.audit.headline import Headline, headlines
from labkit.audit.identity import data_id, model_sha
from labkit.audit.logits import audit_logits
from labkit.audit.measure import (
    MEASURES,
    Column,
    Limit,
    Measure,
    Measured,
    Value,
    columns,
    get_measure,
    group_column,
    limits,
    register_measure,
)
from labkit.audit.prediction_changes import confusion_change, flips
from labkit.audit.replicates import over_seeds, paired_difference, t_interval
from labkit.audit.result import Audit
from labkit.audit.run import audit
from labkit.audit.verdict_sentence import Verdict, verdict
from labkit.audit.verdicts import HARM, VERDICTS, needed_examples, with_verdicts
from labkit.cost import cost
from labkit.registry import Param, load_entry_points

load_entry_points("labkit.measures")

__all__ = [
    "HARM",
    "MEASURES",
    "VERDICTS",
    "Audit",
    "Column",
    "Evidence",
    "Fairness",
    "Headline",
    "Limit",
    "Measure",
    "Measured",
    "Param",
    "Value",
    "Verdict",
    "audit",
    "audit_logits",
    "class_bias",
    "columns",
    "confusion_change",
    "cost",
    "data_id",
    "fairness",
    "flips",
    "get_measure",
    "group_column",
    "headlines",
    "limits",
    "model_sha",
    "needed_examples",
    "over_seeds",
    "paired_difference",
    "register_measure",
    "t_interval",
    "verdict",
    "with_verdicts",
]
