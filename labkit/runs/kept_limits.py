"""Which limits runs keep, judged by the bound of an interval or by the estimate, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from labkit.audit import Limit

BY = ("bound", "estimate")
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Judged:
    """One limit and every run.

    Attributes
    ----------
    limit : Limit
    value : float
        What is allowed, in stored units.
    worst : Series
        Per run what is judged: the worse end of the interval, or the estimate; a drop is positive.
    surest : Series
        The other end of the interval, or the estimate: where it breaks the limit too, the run breaks it beyond doubt.
    by : {"bound", "estimate"}
    """

    limit: Limit
    value: float
    worst: pd.Series
    surest: pd.Series
    by: str

    def _within(self, figures: pd.Series) -> pd.Series:
        return figures >= self.value - ROUNDING if self.limit.lower else figures <= self.value + ROUNDING

    @cached_property
    def kept(self) -> pd.Series:
        """Whether a run keeps the limit; what was not measured does not."""
        return self._within(self.worst)

    @cached_property
    def unclear(self) -> pd.Series:
        """Whether it cannot be told if a run keeps the limit."""
        return self._within(self.surest) & ~self.kept & self.worst.notna()

    def nearest(self, among: pd.Index) -> str:
        """Return the run among some that misses the limit by the least.

        Parameters
        ----------
        among : Index of ids

        Returns
        -------
        str
        """
        found = self.worst[among]
        return str(found.idxmax() if self.limit.lower else found.idxmin())

    def said(self, run: str) -> str:
        """Say how a run breaks the limit, in the units of the slider; "" where it keeps it.

        Parameters
        ----------
        run : str

        Returns
        -------
        str
        """
        limit, worst, surest = self.limit, float(self.worst[run]), float(self.surest[run])
        if self.kept[run]:
            return ""
        if worst != worst:
            return f"{limit.what} was not measured"
        allowed = f"{'at least' if limit.lower else 'at most'} {limit.shown(self.value)}"
        if self.unclear[run]:
            return f"{limit.what} {'down' if limit.lower else 'up'} to {limit.shown(worst)} cannot be ruled out ({allowed})"
        between = "" if abs(worst - surest) <= ROUNDING else f"{limit.shown(surest).removesuffix(limit.unit).rstrip()} to "
        return f"{limit.what} {between}{limit.shown(worst)} ({allowed})"


def judged(table: pd.DataFrame, limit: Limit, value: float, by: str) -> Judged:
    """Judge every run of a table by one limit.

    Parameters
    ----------
    table : DataFrame
        As `Store.table`.
    limit : Limit
    value : float
        In stored units.
    by : {"bound", "estimate"}

    Returns
    -------
    Judged
    """
    worst = _worst(table, limit, limit.bound if by == "bound" else "")
    return Judged(limit, value, worst, _worst(table, limit, _other_end(limit.bound) if by == "bound" else ""), by)


def columns_of(table: pd.DataFrame, limit: Limit, bound: str = "") -> list[pd.Series]:
    """Return the figures that a limit is about, one for each group column where it is a figure by group.

    Parameters
    ----------
    table : DataFrame
    limit : Limit
    bound : str
        Figure to read instead, where a run has it: an end of the interval.

    Returns
    -------
    list of Series
    """
    found = []
    for name in map(str, table.columns):
        stem, bracket, group = name.partition("[")
        if stem == limit.figure:
            values = table[name].astype(float)  # None, where nothing was measured, becomes NaN
            end = f"{bound}{bracket}{group}"
            found.append(table[end].astype(float).fillna(values) if bound and end in table else values)
    return found


def _worst(table: pd.DataFrame, limit: Limit, bound: str) -> pd.Series:
    found = columns_of(table, limit, bound)
    if not found:
        return pd.Series(np.nan, table.index)
    values = pd.concat(found, axis=1)
    worst = values.min(axis=1) if limit.lower or limit.negate else values.max(axis=1)
    return -worst if limit.negate else worst


def _other_end(bound: str) -> str:
    for end, other in (("_high", "_low"), ("_low", "_high")):
        if bound.endswith(end):
            return bound.removesuffix(end) + other
    return bound
