"""Measures by sensitive group over several runs."""

import pytest

from labkit import runs
from labkit.audit import MEASURES


def test_every_group_measure_has_its_value_and_the_interval_of_the_audit():
    library = runs.Library(runs.gallery())
    table = library.table("mlp_adult")
    (column, *_) = library.group_columns(table.index)
    found = runs.group_measures(library, table, column)
    wanted = [measure.key for measure in MEASURES.values() if "groups" in measure.needs and "reference" not in measure.needs]
    assert [measure.key for measure, _ in found] == [key for key in wanted if f"{key}[{column}]" in table]
    assert len(found) >= 3
    for measure, values in found:
        for run, row in values.iterrows():
            assert row["value"] == pytest.approx(table.loc[run, f"{measure.key}[{column}]"])
            assert row["low"] <= row["value"] <= row["high"]
            assert row["low"] < row["high"]
    gaps = library.group_metric(table.index, column, "demographic_parity_difference")
    ours = next(values for measure, values in found if measure.key == "dpd")
    assert ours.loc[gaps.index].to_numpy() == pytest.approx(gaps.to_numpy())


def test_a_column_without_figures_has_no_measures():
    library = runs.Library(runs.gallery())
    assert runs.group_measures(library, library.table("vit_fashion"), "sex") == []
