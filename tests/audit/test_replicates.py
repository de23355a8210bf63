"""Means over seeds against scipy's intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labkit.audit import over_seeds, paired_difference, t_interval

ROWS = pd.DataFrame(
    {
        "topology": ["rigl"] * 3 + ["srigl"] * 4,
        "seed": [0, 1, 2, 2, 1, 0, 3],
        "accuracy": [0.90, 0.91, 0.93, 0.94, 0.90, 0.92, 0.5],
    }
)


def test_the_interval_is_students():
    values = np.array([0.91, 0.93, 0.92, 0.95])
    assert t_interval(values) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.95))
    assert t_interval(values, 0.8) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.8))
    assert t_interval([0.9]) == (-np.inf, np.inf)


def test_a_cell_for_each_group():
    cells = over_seeds(ROWS, ["topology"]).set_index("topology")
    assert cells.loc["rigl", "mean"] == pytest.approx(0.9133333)
    assert cells.loc["srigl", "seeds"] == 4
    low, high = stats.ttest_1samp([0.90, 0.91, 0.93], 0).confidence_interval()
    assert cells.loc["rigl", ["low", "high"]].tolist() == pytest.approx([low, high])


def test_without_rows_there_are_no_cells():
    cells = over_seeds(ROWS.head(0), ["topology"])
    assert cells.empty
    assert cells["mean"].dtype == float


def test_differences_are_taken_seed_by_seed():
    a, b = (ROWS[ROWS["topology"] == name] for name in ("rigl", "srigl"))
    found = paired_difference(a, b)
    peer = stats.ttest_rel([0.92, 0.90, 0.94], [0.90, 0.91, 0.93])
    assert found["seeds"] == 3
    assert found[["low", "high"]].tolist() == pytest.approx(list(peer.confidence_interval()))


def test_mistakes_are_one_sentence():
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 95"):
        t_interval([1.0, 2.0], 95)
    with pytest.raises(ValueError, match="at least one value, got none"):
        t_interval([])
    with pytest.raises(ValueError, match="no seed is in both groups"):
        paired_difference(ROWS.head(1), ROWS.tail(1))
