"""Tried settings, and quality over budgets."""

import numpy as np
import pandas as pd

from labkit import figures


def test_the_latest_of_each_series_is_large():
    rows = [(1, 0.8, "weights", "one"), (1, 0.9, "aware", "one"), (2, 0.7, "weights", "two")]
    tried = pd.DataFrame(rows, columns=["x", "accuracy", "series", "label"])
    figure = figures.tried_settings(tried, reference=0.95)
    weights, aware = figure.data
    assert list(weights.y) == [80, 70]
    assert (weights.marker.size, aware.marker.size) == ((7, 15), (15,))
    assert figure.layout.shapes[0].y0 == 95


def test_families_share_a_colour_and_an_entry_and_kinds_a_dash():
    cells = pd.DataFrame(
        [("fips", "fips", "", 0.1, 0.7, np.inf, 1), ("fips, fitted", "fips", "fitted", 0.1, 0.8, 0.82, 3)],
        columns=["method", "family", "kind", "budget", "mean", "high", "seeds"],
    )
    plain, fitted = figures.budget_quality(cells).data
    assert plain.line.color == fitted.line.color
    assert plain.line.dash != fitted.line.dash
    assert (plain.showlegend, fitted.showlegend) == (True, False)
    assert np.isnan(plain.error_y.array[0])
    np.testing.assert_allclose(fitted.error_y.array, [2])
    assert (plain.meta, fitted.meta) == ("fips", "fips, fitted")
