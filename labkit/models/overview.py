"""The reference models as a table."""

from __future__ import annotations

import pandas as pd
from scipy.stats import binomtest

from labkit.models.catalogue import cards


def table() -> pd.DataFrame:
    """List the reference models with weights.

    Returns
    -------
    DataFrame
        One row per model, with columns architecture, data, parameters, validation and test (accuracies, as fractions), low and
        high (95 % Wilson interval of the test accuracy) and minutes (of training).
    """
    rows = []
    for card in cards().values():
        interval = binomtest(card.test_correct, card.test_examples).proportion_ci(0.95, method="wilson")
        rows.append(
            {
                "model": card.name,
                "architecture": card.title,
                "data": card.data,
                "parameters": card.parameters,
                "validation": card.validation_accuracy,
                "test": card.test_accuracy,
                "low": float(interval.low),
                "high": float(interval.high),
                "minutes": card.minutes,
            }
        )
    columns = ["model", "architecture", "data", "parameters", "validation", "test", "low", "high", "minutes"]
    return pd.DataFrame(rows, columns=columns).set_index("model")
