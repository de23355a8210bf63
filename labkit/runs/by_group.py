"""Measures by sensitive group over several runs, with the intervals of their audits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labkit.audit import MEASURES, Measure

if TYPE_CHECKING:
    from labkit.runs.library import Library

ENDS = ["value", "low", "high"]


def group_measures(library: Library, table: pd.DataFrame, column: str) -> list[tuple[Measure, pd.DataFrame]]:
    """Return the measures by group that runs hold for one sensitive column.

    Parameters
    ----------
    library : Library
        Reads the audits.
    table : DataFrame, one row per run
        Rows of `Library.table`, indexed by id.
    column : str
        A sensitive column, see `Library.group_columns`.

    Returns
    -------
    list of (Measure, DataFrame)
        In the order of the registry; columns value, low and high, one row per run that has the measure. The interval is that of
        the row of `Audit.fairness` with the same value in every run; without such a row low and high are the value.
    """
    held = {}
    # levels of a run; counts of changes are no levels
    for measure in (one for one in MEASURES.values() if "groups" in one.needs and "reference" not in one.needs):
        name = f"{measure.key}[{column}]"
        if name in table and table[name].notna().any():
            held[measure.key] = table[name].dropna().astype(float)
    ids = sorted({run for values in held.values() for run in values.index})
    tables = {run: found.loc[column] for run, found in library.fairness(ids).items() if column in found.index}
    return [(MEASURES[key], _with_intervals(values, tables)) for key, values in held.items()]


def _with_intervals(values: pd.Series, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    shared = [tables[run] for run in values.index if run in tables]
    metrics = set.intersection(*(set(table.index) for table in shared)) if len(shared) == len(values) else set()
    for metric in sorted(metrics):
        found = pd.DataFrame({run: tables[run].loc[metric, ENDS] for run in values.index}).T.astype(float)
        if np.allclose(found["value"], values, rtol=0, atol=1e-9):
            return found
    return pd.DataFrame(dict.fromkeys(ENDS, values))
