"""Tables as an audit returns them."""

import numpy as np
import pandas as pd
import pytest


def audit_table(change, affected):
    """A per_class table of classes a, b, c …: each loses `change` (fractions) from 0.9; intervals reach 0.01 either side."""
    change = np.asarray(change, dtype=float)
    accuracy = 0.9 + change
    return pd.DataFrame(
        {
            "accuracy": accuracy,
            "accuracy_low": accuracy - 0.02,
            "accuracy_high": accuracy + 0.02,
            "reference_accuracy": np.where(np.isnan(change), np.nan, 0.9),
            "change": change,
            "change_low": change - 0.01,
            "change_high": change + 0.01,
            "q": np.where(affected, 0.001, 0.8),
            "affected": np.asarray(affected, dtype=bool),
        },
        index=pd.Index([chr(97 + i) if len(change) <= 26 else f"class {i}" for i in range(len(change))], name="class"),
    )


@pytest.fixture
def make_per_class():
    return audit_table


@pytest.fixture
def per_class():
    return audit_table([-0.12, 0.004, np.nan, 0.05], [True, False, False, True])
