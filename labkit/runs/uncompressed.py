"""`reference_rows`: the uncompressed networks as rows of a table of runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from labkit.audit import MEASURES, Measure
from labkit.runs.networks import by_data, labelled


def reference_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per uncompressed network of a table of runs, from what its runs measured of it.

    Parameters
    ----------
    table : DataFrame
        As `Store.table`.

    Returns
    -------
    DataFrame
        Indexed by the network's name (or label, see `Library.table`), with the figures of the reference that every measure knows
        (`Measure.reference`); changes are 0 and ratios 1.
    """
    rows = {}
    for model, runs in by_data(labelled(table)).groupby("model"):
        known = [name for name in runs if str(name).startswith("reference_")] or [
            name for name in runs if str(name).endswith("_ratio")
        ]
        runs = runs[runs[known].notna().any(axis=1)] if known else runs.iloc[:0]
        if runs.empty:
            continue
        first = runs.iloc[-1]
        row: dict[str, Any] = {"model": model, "data": first["data"], "method": "none"}
        row |= {"label": "uncompressed", "in_words": "uncompressed", "series": "uncompressed", "examples": first["examples"]}
        for measure in MEASURES.values():
            row |= _of_reference(measure, runs) if measure.reference is None else dict(measure.reference(runs))
        rows[str(model)] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("id")


def _of_reference(measure: Measure, runs: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the reference model for one measure, as far as its runs hold them."""
    key, ratio, other = measure.key, f"{measure.key}_ratio", f"reference_{measure.key}"
    by_group = [str(name) for name in runs if str(name).startswith((f"{other}[", f"{key}[")) and runs[name].notna().any()]
    if by_group:
        before = {name.removeprefix("reference_"): runs[name].dropna().iloc[-1] for name in by_group if name.startswith(other)}
        same = {} if measure.neutral is None else {name: measure.neutral for name in by_group if name.startswith(key)}
        return same | before
    if other in runs and runs[other].notna().any():
        return {key: runs[other].dropna().iloc[-1]}
    if ratio in runs and key in runs:
        values = (runs[key] / runs[ratio]).dropna()
        return {ratio: 1.0} | ({key: values.iloc[-1]} if len(values) else {})
    return {} if measure.neutral is None else {key: measure.neutral}
