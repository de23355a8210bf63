"""`Library`: several stores read as one, with the uncompressed networks as reference rows."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from labkit.audit import group_column
from labkit.messages import unknown_name
from labkit.runs.checking import FACTS, brief
from labkit.runs.labels import label, series
from labkit.runs.networks import by_data, labelled
from labkit.runs.stored_audit import read_audit, read_per_class
from labkit.runs.uncompressed import reference_rows
from labkit.runs.wording import run_in_words
from labkit.stamps import Stamp, stamp

if TYPE_CHECKING:
    from torch import nn

    from labkit.audit import Audit
    from labkit.runs.run import Run
    from labkit.runs.store import Store

Read = TypeVar("Read")
_NUMBERS = itertools.count()
WORDS = ("label", "in_words", "series")


class Library:
    """The runs of several stores; where two have the same id, that of the first store is used. Damaged runs are left out.

    Runs saved later are seen only by a new `Library`. A run whose damage is found only when it is read is left out from then on.

    Parameters
    ----------
    *stores : Store

    Attributes
    ----------
    number : int
        No other library of the process has it; an ``id()`` is given again once its object is gone.
    """

    def __init__(self, *stores: Store) -> None:
        self.stores = stores
        self._runs: dict[str, Run] = {}
        self._classes: dict[str, tuple[Stamp, pd.DataFrame]] = {}  # a page reads the table of every run several times
        self._tables: dict[str | None, tuple[tuple[Stamp, ...], pd.DataFrame]] = {}
        self._reading = threading.RLock()
        self.number = next(_NUMBERS)
        self.damaged: list[Run] = []
        for run in (_named(run) for store in stores for run in store.runs()):
            if run.damaged:
                self.damaged.append(run)
            else:
                self._runs.setdefault(run.id, run)

    def table(self, model: str | None = None) -> pd.DataFrame:
        """Return `Store.table` of all sound runs.

        Parameters
        ----------
        model : str, optional
            Only the runs of this network, by its label; a name alone gives the runs of all networks of this name.

        Returns
        -------
        DataFrame
            Indexed by id. ``model`` says the fingerprint where a name stands for several networks ("custom (1a2b3c)"), and the data
            where a network has runs on several data sets ("vit_fashion on mnist"). Also with ``label`` (method and settings),
            ``in_words`` (the same as a reader would say it) and ``series`` (the label without the numbers: runs that differ only in
            a numeric parameter share it).

        Raises
        ------
        ValueError
            For a network without runs.
        """
        changed = tuple(stamp(store.folder) for store in self.stores)
        with self._reading:  # many visitors of the dashboard ask at once
            known = self._tables.get(model)
            if known is None or known[0] != changed:
                self._tables[model] = known = (changed, self._read_table(model))
        return known[1].loc[known[1].index.isin(list(self._runs))]  # what was found to be damaged since is left out

    def _read_table(self, model: str | None) -> pd.DataFrame:
        tables = [table[table["damaged"] == ""] for table in (store.table() for store in self.stores)]
        tables = [table for table in tables if len(table)]
        nothing = pd.DataFrame(columns=["id", "method", "model", "data", "damaged"]).set_index("id")
        table = pd.concat(tables) if tables else nothing
        table = table[~table.index.duplicated() & table.index.isin(list(self._runs))]  # not what was saved since
        plain, table = table, by_data(labelled(table))
        if model is not None:
            table = _of_network(table, plain, model).dropna(axis="columns", how="all")
        words = [_words(self._runs[run]) for run in table.index]
        said = {name: pd.Series([one[name] for one in words], index=table.index, dtype=object) for name in WORDS}
        return table.assign(**said)

    def reference(self, model: str) -> pd.DataFrame:
        """Return the uncompressed network as a row with the columns of `table`, see `reference_rows`; a name may have several.

        Parameters
        ----------
        model : str

        Returns
        -------
        DataFrame
        """
        return reference_rows(self.table(model))

    def run(self, run: str) -> Run:
        """Return the facts of a run.

        Parameters
        ----------
        run : str
            Its id.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            For an id that no store has.
        """
        return self._run(run)

    def load(self, run: str, *, base: nn.Module | None = None) -> tuple[nn.Module | None, Audit]:
        """Return the network and the audit of a run, as `Store.load`.

        Parameters
        ----------
        run : str
            Its id.
        base : nn.Module, optional

        Returns
        -------
        model : nn.Module or None
        audit : Audit
        """
        found = self._run(run)
        store = next(store for store in self.stores if store.folder == found.folder.parent)
        return store.load(found.id, base=base)

    def audit(self, run: str) -> Audit:
        """Return the audit of a run.

        Parameters
        ----------
        run : str
            Its id.

        Returns
        -------
        Audit

        Raises
        ------
        ValueError
            For an id that no store has.
        """
        return self._read(run, read_audit)

    def per_class(self, run: str) -> pd.DataFrame:
        """Return the class table of a run's audit, without reading the rest.

        Parameters
        ----------
        run : str

        Returns
        -------
        DataFrame

        Raises
        ------
        ValueError
            For an id that no store has, or a damaged table.
        """
        now = stamp(self._run(run).folder)
        read, table = self._classes.get(run, (None, None))
        if table is None or read != now:
            table = self._read(run, read_per_class)
            self._classes[run] = (now, table)
        return table.copy()

    def fairness(self, runs: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Return `Audit.fairness` of some runs.

        Parameters
        ----------
        runs : sequence of str

        Returns
        -------
        dict of str to DataFrame
            Without runs that have none or are damaged.
        """
        tables = {run: audit.fairness for run, audit in self._readable(runs, self.audit).items()}
        return {run: table for run, table in tables.items() if table is not None}

    def _read(self, run: str, read: Callable[[Path], Read]) -> Read:
        """Read something of a run; where that fails, the run is left out from now on."""
        found = self._run(run)
        try:
            return read(found.folder)
        except (ValueError, OSError) as error:
            self._runs.pop(run, None)
            self.damaged.append(replace(found, damaged=str(error).removeprefix(f"run {run} is damaged: ")))
            raise

    def _readable(self, runs: Sequence[str], read: Callable[[str], Read]) -> dict[str, Read]:
        """Read something of each run, without those that turn out to be damaged."""
        found = {}
        for run in self._present(runs):
            self._run(run)  # an unknown one is a mistake of the caller
            with suppress(ValueError, OSError):
                found[run] = read(run)
        return found

    def _present(self, runs: Sequence[str]) -> list[str]:
        """Return runs without those that were left out since the caller saw them."""
        gone = {run.id for run in self.damaged} - self._runs.keys()
        return [run for run in runs if run not in gone]

    def class_changes(self, runs: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the change of accuracy of every class, and whether it is significant.

        Parameters
        ----------
        runs : sequence of str
            Runs without a reference are left out.

        Returns
        -------
        changes : DataFrame
            Fractions; one row per run, one column per class.
        affected : DataFrame
            bool, alike.
        """
        tables = self._readable(runs, self.per_class)
        kept = {run: table for run, table in tables.items() if "change" in table}
        changes = pd.DataFrame({run: table["change"] for run, table in kept.items()}).T
        affected = pd.DataFrame({run: table["affected"].astype(bool) for run, table in kept.items()}).T
        return changes, affected.eq(True)  # False also for a class that a run does not have

    def group_columns(self, runs: Sequence[str]) -> list[str]:
        """Return the sensitive columns by which any of some runs was audited.

        Parameters
        ----------
        runs : sequence of str

        Returns
        -------
        list of str
        """
        tables = [self._run(run).summary for run in self._present(runs)]
        return sorted({group_column(name) for summary in tables for name in summary if "[" in name})

    def group_metric(self, runs: Sequence[str], column: str, metric: str) -> pd.DataFrame:
        """Return one fairness metric of some runs.

        Parameters
        ----------
        runs : sequence of str
        column : str
            Sensitive column.
        metric : str
            As in `Audit.fairness`.

        Returns
        -------
        DataFrame
            ``value``, ``low``, ``high``; one row per run that has it.
        """
        rows = {}
        for run, found in self.fairness(runs).items():
            if (column, metric) in found.index:
                rows[run] = found.loc[(column, metric), ["value", "low", "high"]]
        return pd.DataFrame(rows, index=["value", "low", "high"]).T.astype(float)

    def _run(self, run: str) -> Run:
        if run not in self._runs:
            raise unknown_name("run", run, self._runs, "labkit runs list shows all")
        return self._runs[run]


def _words(run: Run) -> dict[str, str]:
    """Return what a table says of a run in words."""
    facts = run.method, run.parameters
    return dict(zip(WORDS, (label(*facts), run_in_words(*facts), series(*facts)), strict=True))


def _named(run: Run) -> Run:
    """Return a run; as a damaged one where its method and parameters cannot be said in words."""
    try:
        if not run.damaged:
            _words(run)
        return run
    except Exception as error:  # parameters from a stranger, in a format that they do not have
        return replace(run, damaged=f"the parameters in {FACTS} cannot be shown ({brief(error)})")


def _of_network(table: pd.DataFrame, plain: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the runs of one network by its label, or of all networks of one name."""
    for names in (table["model"], plain["model"]):
        if (names == model).any():
            return table[names == model]
    raise unknown_name("network with runs", model, sorted(set(table["model"])), "make runs with labkit sweep")
