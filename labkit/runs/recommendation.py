"""`recommend`: the smallest model within limits, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from labkit.audit import MEASURES, Limit, columns, limits
from labkit.messages import unknown_name
from labkit.runs.networks import labelled

if TYPE_CHECKING:
    from labkit.runs.store import Store

OBJECTIVE = "bytes"


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The recommended run, and why the others were not.

    Attributes
    ----------
    id : str or None
        Of the run; None when the uncompressed model is the answer.
    reason : str
        One sentence.
    considered : DataFrame
        One row per run, smallest first: bytes, short columns of the measures and ``broken``, the limits it exceeds ("" for none).
    """

    id: str | None
    reason: str
    considered: pd.DataFrame

    def __repr__(self) -> str:
        return f"Recommendation({self.id}: {self.reason})"


def recommend(
    runs: Store | pd.DataFrame, *, model: str | None = None, data: str | None = None, **stated: float | None
) -> Recommendation:
    """Choose the run with the fewest bytes among those within every limit.

    Parameters
    ----------
    runs : Store or DataFrame
        A store, or its table.
    model, data : str, optional
        Only runs of this network and data set.
    **stated : float, optional
        Limits by name, in the units of `Audit.summary`: an ``accuracy_drop`` of 0.01 is one percentage point, a ``bytes_ratio`` of
        0.5 is half the bytes. Every registered measure may offer one, `labkit.audit.limits` lists them: ``accuracy_drop`` (0.01
        unless stated; it limits the measured loss, and the sentence also gives its interval), ``affected_classes`` (0 unless
        stated), ``dpd`` and ``eod`` (over every group column), ``bytes_ratio``, ``latency_ratio``. None lifts a limit.

    Returns
    -------
    Recommendation

    Raises
    ------
    ValueError
        When no sound run with a reference is left to choose from, or for an unknown or negative limit.
    """
    kept = _stated(stated)
    table = _candidates(runs if isinstance(runs, pd.DataFrame) else runs.table(), model, data)
    known = limits()
    figures = pd.DataFrame({name: _figure(table, known[name]) for name in kept}, index=table.index)
    # a default does not apply to runs of a task that has no such figure
    kept = {name: limit for name, limit in kept.items() if name in stated or figures[name].notna().any()}
    broken = [_broken(figures.loc[run], kept) for run in table.index]
    shown = [column.figure for column in columns(table, short=True)]
    shown = list(dict.fromkeys(["model", "method", OBJECTIVE, f"{OBJECTIVE}_ratio", *shown]))
    considered = table[shown].assign(broken=broken)
    accurate = _best_column(considered)
    considered = considered.sort_values([OBJECTIVE, accurate], ascending=[True, False])
    sound = considered[considered["broken"] == ""]
    said = ", ".join(known[name].sentence(value) for name, value in kept.items()) or "no limit"
    if sound.empty:
        nearest = considered.sort_values(accurate, ascending=False).iloc[0]
        broken_by_it = f"The most accurate one breaks: {nearest['broken']}"
        reason = f"none of {len(table)} runs keeps {said}; keep the uncompressed model. {broken_by_it}"
        return Recommendation(None, reason, considered)
    best = table.loc[sound.index[0]]
    smaller = int((considered[OBJECTIVE] < best[OBJECTIVE]).sum())
    return Recommendation(str(best.name), f"{_praise(best)}; it keeps {said}; {smaller} smaller runs do not", considered)


def _best_column(table: pd.DataFrame) -> str:
    """Return the first figure for which higher is better; it ranks runs of equal size."""
    return next((key for key, measure in MEASURES.items() if measure.better == "higher" and key in table), OBJECTIVE)


def _stated(given: Mapping[str, Any]) -> dict[str, float]:
    """Return the limits that apply, by name: those given, and the defaults of the others."""
    known = limits()
    for name, value in given.items():
        if name not in known:
            raise unknown_name("limit", name, known)
        if value is not None and (not value == value or (value < 0 and not known[name].lower)):  # NaN would let everything pass
            raise ValueError(f"the limit {name} must not be negative, got {value}")
    chosen = {name: given.get(name, limit.default) for name, limit in known.items()}
    return {name: float(value) for name, value in chosen.items() if value is not None}


def _candidates(table: pd.DataFrame, model: str | None, data: str | None) -> pd.DataFrame:
    plain = table[table["damaged"] == ""] if "damaged" in table else table
    runs = labelled(plain)
    for column, wanted in (("model", model), ("data", data)):
        if wanted is not None:
            runs = runs[(runs[column] == wanted) | (plain.loc[runs.index, column] == wanted)]
    needed = {OBJECTIVE, f"{OBJECTIVE}_ratio"}
    if runs.empty or not needed <= set(runs.columns):
        raise ValueError("there is no run with a reference to choose from; make some with: labkit sweep")
    runs = runs[runs[list(needed)].notna().all(axis=1)]
    if runs.empty:
        raise ValueError(
            "no run has both a reference and its cost; audit with reference= and cost=True, as labkit compress and labkit sweep do"
        )
    if runs["model"].nunique() > 1:
        raise ValueError(f"the runs are of several networks ({', '.join(sorted(runs['model'].unique()))}); say which with model=")
    if "data" in runs and runs["data"].nunique() > 1:
        raise ValueError(f"the runs are on several data sets ({', '.join(sorted(runs['data'].unique()))}); say which with data=")
    return runs


def _figure(runs: pd.DataFrame, limit: Limit) -> pd.Series:
    """Return the figure that a limit applies to; for figures by group that of the worst column."""
    found = [column for column in runs if column == limit.figure or str(column).startswith(f"{limit.figure}[")]
    if not found:
        return pd.Series(np.nan, runs.index)
    values = runs[found].astype(float)  # None, where nothing was measured, becomes NaN
    worst = values.min(axis=1) if limit.lower or limit.negate else values.max(axis=1)
    return -worst if limit.negate else worst


def _broken(figures: pd.Series, stated: dict[str, float]) -> str:
    """Return the limits that a run exceeds; a figure that was not measured counts as exceeding."""
    known, words = limits(), []
    for name, limit in stated.items():
        value, lower = figures[name], known[name].lower
        if value != value:
            words.append(f"{name} was not measured")
        elif value < limit - 1e-12 if lower else value > limit + 1e-12:
            words.append(f"{name} {value:.4g} {'<' if lower else '>'} {limit:.4g}")
    return ", ".join(words)


def _praise(best: pd.Series) -> str:
    interval = ""
    if best.get("accuracy_change_low", np.nan) == best.get("accuracy_change_low", np.nan):  # neither absent nor NaN
        interval = f" (95 % interval {100 * best['accuracy_change_low']:+.2f} to {100 * best['accuracy_change_high']:+.2f})"
    smallest = f"{best['method']} is the smallest: {best['bytes_ratio']:.0%} of the bytes".replace("%", " %", 1)
    if best.get("accuracy_change", np.nan) != best.get("accuracy_change", np.nan):
        return smallest
    return f"{smallest}, {100 * best['accuracy_change']:+.2f} pp of accuracy{interval}"
