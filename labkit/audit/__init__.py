"""What a compression cost: accuracy, class bias, calibration, fairness, bytes and latency, beside a reference model."""

from labkit.audit.classes import class_bias
from labkit.audit.groups import Fairness, fairness
from labkit.audit.identity import data_id, model_sha
from labkit.audit.logits import audit_logits
from labkit.audit.report import Audit
from labkit.audit.run import audit
from labkit.cost import cost

__all__ = ["Audit", "Fairness", "audit", "audit_logits", "class_bias", "cost", "data_id", "fairness", "model_sha"]
