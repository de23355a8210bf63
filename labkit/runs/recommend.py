"""The smallest model within stated limits, and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from labkit.runs.store import Store


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What to take, and why the others were left.

    Attributes
    ----------
    id : str or None
        Of the run; None when the uncompressed model is the answer.
    reason : str
        One sentence.
    considered : DataFrame
        A row a run, smallest first: bytes and ``broken``, the limits it breaks ("" for none).
    """

    id: str | None
    reason: str
    considered: pd.DataFrame

    def __repr__(self) -> str:
        return f"Recommendation({self.id}: {self.reason})"


def recommend(
    runs: Store | pd.DataFrame,
    *,
    model: str | None = None,
    data: str | None = None,
    accuracy_drop: float | None = 0.01,
    affected_classes: int | None = 0,
    dpd: float | None = None,
    eod: float | None = None,
    latency_ratio: float | None = None,
    bytes_ratio: float | None = None,
) -> Recommendation:
    """Choose the run with the fewest bytes among those that keep every limit.

    Parameters
    ----------
    runs : Store or DataFrame
        A store, or its table.
    model, data : str, optional
        Only runs of this network and data set.
    accuracy_drop : float, optional
        Largest loss of accuracy against the reference, as a fraction: 0.01 is one percentage point. It limits the measured loss;
        the sentence also gives its interval.
    affected_classes : int, optional
        How many classes may differ significantly (q < 0.05).
    dpd, eod : float, optional
        Largest demographic parity and equalized odds difference, over every group column.
    latency_ratio, bytes_ratio : float, optional
        Largest ratio to the reference; 0.5 is half.

    Raises
    ------
    ValueError
        When no sound run with a reference is left to choose from, or a limit is negative.
    """
    limits = {
        "accuracy_drop": accuracy_drop,
        "affected_classes": affected_classes,
        "dpd": dpd,
        "eod": eod,
        "latency_ratio": latency_ratio,
        "bytes_ratio": bytes_ratio,
    }
    stated = {name: limit for name, limit in limits.items() if limit is not None}
    for name, limit in stated.items():
        if not limit >= 0:  # NaN would let everything pass
            raise ValueError(f"the limit {name} must not be negative, got {limit}")
    table = _candidates(runs if isinstance(runs, pd.DataFrame) else runs.table(), model, data)
    figures = pd.DataFrame({name: _figure(table, name) for name in stated}, index=table.index)
    broken = [_broken(figures.loc[run], stated) for run in table.index]
    considered = table[["model", "method", "bytes", "bytes_ratio", "accuracy", "accuracy_change"]].assign(broken=broken)
    considered = considered.sort_values(["bytes", "accuracy"], ascending=[True, False])
    sound = considered[considered["broken"] == ""]
    said = ", ".join(_say(name, limit) for name, limit in stated.items()) or "no limit at all"
    if sound.empty:
        nearest = considered.sort_values("accuracy", ascending=False).iloc[0]
        broken_by_it = f"The most accurate one breaks: {nearest['broken']}"
        reason = f"none of {len(table)} runs keeps {said}; keep the uncompressed model. {broken_by_it}"
        return Recommendation(None, reason, considered)
    best = table.loc[sound.index[0]]
    smaller = int((considered["bytes"] < best["bytes"]).sum())
    return Recommendation(str(best.name), f"{_praise(best)}; it keeps {said}; {smaller} smaller runs do not", considered)


def _candidates(table: pd.DataFrame, model: str | None, data: str | None) -> pd.DataFrame:
    runs = table[table["damaged"] == ""] if "damaged" in table else table
    for column, wanted in (("model", model), ("data", data)):
        if wanted is not None:
            runs = runs[runs[column] == wanted]
    needed = {"accuracy_change", "bytes", "bytes_ratio"}
    if runs.empty or not needed <= set(runs.columns):
        raise ValueError("there is no run with a reference to choose from; make some with: labkit sweep")
    runs = runs[runs[list(needed)].notna().all(axis=1)]
    if runs.empty:
        raise ValueError("no run has both a reference and its cost; audit with reference= and cost=True")
    if runs["model"].nunique() > 1:
        raise ValueError(f"the runs are of several networks ({', '.join(sorted(runs['model'].unique()))}); say which with model=")
    if "data" in runs and runs["data"].nunique() > 1:
        raise ValueError(f"the runs are on several data sets ({', '.join(sorted(runs['data'].unique()))}); say which with data=")
    return runs


def _figure(runs: pd.DataFrame, name: str) -> pd.Series:
    """The figure a limit is about; group gaps are the worst over all group columns."""
    if name == "accuracy_drop":
        return -runs["accuracy_change"].astype(float)
    if name in ("dpd", "eod"):
        columns = [column for column in runs if column.startswith(f"{name}[")]
        return runs[columns].astype(float).max(axis=1) if columns else pd.Series(np.nan, runs.index)
    return runs[name].astype(float) if name in runs else pd.Series(np.nan, runs.index)  # None, where nothing was measured, too


def _broken(figures: pd.Series, limits: dict[str, float]) -> str:
    """Limits that do not hold; one that was not measured does not hold."""
    words = []
    for name, limit in limits.items():
        value = figures[name]
        if value != value:
            words.append(f"{name} was not measured")
        elif value > limit + 1e-12:
            words.append(f"{name} {value:.4g} > {limit:.4g}")
    return ", ".join(words)


def _say(name: str, limit: float) -> str:
    return {
        "accuracy_drop": f"an accuracy loss of at most {100 * limit:g} pp",
        "affected_classes": f"at most {limit:g} affected classes" if limit else "no affected class",
        "latency_ratio": f"at most {100 * limit:g} % of the latency",
        "bytes_ratio": f"at most {100 * limit:g} % of the bytes",
        "dpd": f"a demographic parity difference of at most {100 * limit:g} pp",
        "eod": f"an equalized odds difference of at most {100 * limit:g} pp",
    }.get(name, f"{name} at most {limit:g}")


def _praise(best: pd.Series) -> str:
    interval = ""
    if best.get("accuracy_change_low", np.nan) == best.get("accuracy_change_low", np.nan):  # neither absent nor NaN
        interval = f" (95 % interval {100 * best['accuracy_change_low']:+.2f} to {100 * best['accuracy_change_high']:+.2f})"
    change = f"{100 * best['accuracy_change']:+.2f} pp of accuracy{interval}"
    return f"{best['method']} is the smallest: {best['bytes_ratio']:.0%} of the bytes, {change}".replace("%", " %", 1)
