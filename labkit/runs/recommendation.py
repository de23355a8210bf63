"""`recommend`: the smallest model within limits, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from labkit.audit import MEASURES, columns, limits
from labkit.messages import unknown_name
from labkit.runs.kept_limits import BY, Judged, judged
from labkit.runs.labels import label
from labkit.runs.misses import count_of, misses, unlimited_groups
from labkit.runs.networks import labelled
from labkit.runs.stored_audit import read_per_class

if TYPE_CHECKING:
    from labkit.runs.store import Store

OBJECTIVE = "bytes"
SMALLER = 0.995  # of the bytes: from here on a network is shown with 100 % of them
NOT_SMALLER = "not smaller than the uncompressed model"


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The recommended run, and why the others were not.

    Attributes
    ----------
    id : str or None
        Of the run; None when the uncompressed model is the answer.
    reason : str
        One sentence; where no run keeps every limit it names the nearest miss of each.
    considered : DataFrame
        One row per run, smallest first: bytes, short columns of the measures and ``broken``, the limits it exceeds ("" for none).
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
    by: Literal["bound", "estimate"] = "bound",
    per_class: Callable[[str], pd.DataFrame] | None = None,
    **stated: float | None,
) -> Recommendation:
    """Choose the run with the fewest bytes among those within every limit; one that is not smaller than the original is no answer.

    Parameters
    ----------
    runs : Store or DataFrame
        A store, or its table.
    model, data : str, optional
        Only runs of this network and data set.
    by : {"bound", "estimate"}
        Whether a limit holds for the worse end of the 95 % interval of a figure, so that what cannot be told does not pass, or for
        the measured value. Figures without an interval are judged by their value.
    per_class : callable, optional
        ``per_class(id)`` returns `Audit.per_class` of a run, so that the reason can name classes; read from the store by default.
    **stated : float, optional
        Limits by name, in the units of `Audit.summary`: an ``accuracy_drop`` of 0.01 is one percentage point, a ``bytes_ratio`` of
        0.5 is half the bytes. Every registered measure may offer one, `labkit.audit.limits` lists them: ``accuracy_drop`` (0.01
        unless stated), ``harmed_classes`` (0 unless stated), ``harmed_groups``, ``affected_classes``, ``dpd`` and ``eod`` (over
        every group column), ``bytes_ratio``, ``latency_ratio``. None lifts a limit.

    Returns
    -------
    Recommendation

    Raises
    ------
    ValueError
        When no sound run with a reference is left to choose from, for an unknown or negative limit, or another `by`.
    """
    if by not in BY:
        raise ValueError(f"by must be 'bound' or 'estimate', got {by!r}")
    kept = _stated(stated)
    if per_class is None and not isinstance(runs, pd.DataFrame):
        store = runs
        per_class = lambda name: read_per_class(store.folder / name)  # noqa: E731
    table = _candidates(runs if isinstance(runs, pd.DataFrame) else runs.table(), model, data)
    known = limits()
    every = [judged(table, known[name], value, by) for name, value in kept.items()]
    # a default does not apply to runs of a task that has no such figure
    every = [one for one in every if one.limit.name in stated or one.worst.notna().any()]
    considered = _considered(table, every)
    sound = considered[considered["broken"] == ""]
    said = ", ".join(one.limit.sentence(one.value) for one in every) or "no limit"
    names = pd.Series({run: _label(table.loc[run]) for run in table.index}, dtype=object)
    if sound.empty:
        fits = considered["broken"] == NOT_SMALLER
        if fits.any():
            what = f"the {count_of(fits.sum(), 'run')} that {'keeps' if fits.sum() == 1 else 'keep'} {said}"
            first = f"{what} {'is' if fits.sum() == 1 else 'are'} not smaller than the uncompressed model; keep it"
        else:
            first = f"none of {count_of(len(table), 'run')} keeps {said}; keep the uncompressed model"
        smaller = table.index[_smaller(table)]
        return Recommendation(None, "; ".join([first, *misses(every, smaller, names, table, per_class)]), considered)
    best = table.loc[sound.index[0]]
    number = int((considered[OBJECTIVE] < best[OBJECTIVE]).sum())
    rest = f"{count_of(number, 'smaller run')} {'does' if number == 1 else 'do'} not"
    reason = f"{_praise(best, names[best.name])}; it keeps {said}; {rest}{unlimited_groups(best, every)}"
    return Recommendation(str(best.name), reason, considered)


def _considered(table: pd.DataFrame, every: list[Judged]) -> pd.DataFrame:
    """Return the candidates, smallest first, with the limits that they break."""
    words = [[one.said(run) for one in every] for run in table.index]
    broken = [", ".join(word for word in of_run if word) for of_run in words]
    broken = [text or ("" if fine else NOT_SMALLER) for text, fine in zip(broken, _smaller(table), strict=True)]
    shown = [column.figure for column in columns(table, short=True)]
    shown = list(dict.fromkeys(["model", "method", OBJECTIVE, f"{OBJECTIVE}_ratio", *shown]))
    found = table[shown].assign(broken=broken)
    return found.sort_values([OBJECTIVE, _best_column(found)], ascending=[True, False])


def _smaller(table: pd.DataFrame) -> pd.Series:
    return table[f"{OBJECTIVE}_ratio"].astype(float) < SMALLER


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


def _label(run: pd.Series) -> str:
    """Return method and settings of a run, alike for a store's table and a library's."""
    values = {str(name)[len("param.") :]: value for name, value in run.items() if str(name).startswith("param.")}
    known = {name: value for name, value in values.items() if not pd.api.types.is_scalar(value) or pd.notna(value)}
    return label(str(run["method"]), known)


def _praise(best: pd.Series, name: str) -> str:
    interval = ""
    if best.get("accuracy_change_low", float("nan")) == best.get("accuracy_change_low", float("nan")):  # neither absent nor NaN
        interval = f" (95 % interval {100 * best['accuracy_change_low']:+.2f} to {100 * best['accuracy_change_high']:+.2f})"
    smallest = f"{name} is the smallest: {best['bytes_ratio']:.0%} of the bytes".replace("%", " %", 1)
    if best.get("accuracy_change", float("nan")) != best.get("accuracy_change", float("nan")):
        return smallest
    return f"{smallest}, {100 * best['accuracy_change']:+.2f} pp of accuracy{interval}"
