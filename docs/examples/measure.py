"""Mean probability of the true class: a measure in one file."""

import numpy as np
import pandas as pd

from labkit.audit import Limit, Measure, Measured, Value, register_measure
from labkit.registry import Param


def compute(evidence):
    """Return the mean probability of the true class, with its interval, and a table by class."""
    true = evidence.probabilities[np.arange(len(evidence.labels)), evidence.labels]
    half = 1.96 * true.std() / np.sqrt(len(true))
    table = pd.Series(true).groupby(evidence.labels).mean().rename("probability").to_frame()
    table.index = pd.Index([evidence.classes[label] for label in table.index], name="class")
    mean = float(true.mean())
    return Measured({"true_probability": Value(mean, mean - half, mean + half)}, {"true_probability": table})


register_measure(
    Measure(
        key="true_probability",
        title="probability of the true class",
        compute=compute,
        better="higher",
        format="percent",
        help="Mean probability that the model gives to the true class.",
        needs="probabilities",
        tasks="classification",
        tables={"true_probability": ""},
        limit=Limit(Param(0, 100, 0, step=1), name="min_true_probability", unit="%", scale=100.0),
    )
)
