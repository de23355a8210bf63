"""Entries from outside, one file each, as a user would write them; the contract tests load them as plugins."""

MEASURE = """
import numpy as np
import pandas as pd
from labkit.audit import Limit, Measure, Measured, Param, Value, register_measure


def top_k(evidence, k=2):
    order = np.argsort(-evidence.logits, axis=1, kind="stable")[:, :k]
    hit = (order == evidence.labels[:, None]).any(axis=1)
    spread = 1.96 * np.sqrt(hit.mean() * (1 - hit.mean()) / len(hit))
    figures = {"top_k": Value(hit.mean(), hit.mean() - spread, hit.mean() + spread)}
    if evidence.reference_logits is not None:
        before = np.argsort(-evidence.reference_logits, axis=1, kind="stable")[:, :k]
        figures["reference_top_k"] = (before == evidence.labels[:, None]).any(axis=1).mean()
    table = pd.DataFrame({"value": [100 * hit.mean()], "low": [0.0], "high": [100.0]}, index=pd.Index(["top k"], name="measure"))
    return Measured(figures, {"top_k_table": table})


register_measure(
    Measure(
        "top_k", "top-k accuracy", format="percent1", help="The class is among the k most probable.", compute=top_k,
        params={"k": Param(1, 10, 2, step=1)}, limit=Limit(Param(0.0, 100.0, 0.0, step=1.0), unit="%", scale=100),
        tables={"top_k_table": "intervals"},
    )
)
"""

ASKED = """
import time
from labkit.audit import Measure, register_measure


def weight_norm(evidence, power=2):
    return sum(float(p.detach().abs().pow(power).sum()) for p in evidence.model.parameters()) ** (1 / power)


from labkit.registry import Param
register_measure(
    Measure(
        "weight_norm", "weight norm", better="lower", format=".3f", help="Norm of all weights.", compute=weight_norm,
        needs="model", when="asked", tasks=("classification", "multilabel", "nodes"), params={"power": Param(1, 4, 2, step=1)},
    )
)
"""

MULTILABEL = """
import numpy as np
from labkit.audit import Measure, register_measure


def first_right(evidence):
    positive = {tuple(pair) for pair in evidence.labels.tolist()}
    return np.mean([(row, label) in positive for row, label in enumerate(evidence.predicted.tolist())])


register_measure(
    Measure("precision_1", "precision at 1", format="percent1", help="The first label is right.", compute=first_right,
            tasks=("multilabel",))
)
"""
