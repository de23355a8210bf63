"""What a compression cost: accuracy, class bias, calibration, fairness, bytes and latency, beside a reference model."""

from labkit.audit.classes import class_bias
from labkit.audit.flips import confusion_change, flips
from labkit.audit.groups import Fairness, fairness
from labkit.audit.headlines import Headline, headlines
from labkit.audit.identity import data_id, model_sha
from labkit.audit.logits import audit_logits
from labkit.audit.replicates import over_seeds, paired_difference, t_interval
from labkit.audit.report import Audit
from labkit.audit.run import audit
from labkit.cost import cost

__all__ = [
    "Audit",
    "Fairness",
    "Headline",
    "audit",
    "audit_logits",
    "class_bias",
    "confusion_change",
    "cost",
    "data_id",
    "fairness",
    "flips",
    "headlines",
    "model_sha",
    "over_seeds",
    "paired_difference",
    "t_interval",
]
