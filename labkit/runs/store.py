"""`Store`: a folder of runs, one folder each, that DuckDB and Polars read as well as labkit does."""

from __future__ import annotations

import math
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import nn

from labkit import __version__
from labkit.audit import model_sha
from labkit.audit.plain import plain
from labkit.files import flush, sha256
from labkit.messages import unknown_name
from labkit.models import source_of
from labkit.runs.checking import ID, WEIGHTS, plain_facts, read_facts, write_facts
from labkit.runs.extending import check_extends, locked, merged
from labkit.runs.half_written import ENDING, copied, exchange, finished, half_written
from labkit.runs.identity import run_id
from labkit.runs.later_figures import with_group_verdicts
from labkit.runs.run import FACTS, FORMAT, KINDS, Run, read_run
from labkit.runs.stored_audit import read_audit, write_audit
from labkit.runs.table_names import check_extras, check_name, check_tables
from labkit.runs.tables import metrics_row, read_table, write_row, write_table
from labkit.runs.weights import built, save_state, unbuildable
from labkit.words import shortly

if TYPE_CHECKING:
    from labkit.audit import Audit

OWN = ("id", "method", "model", "data", "seed", "created", "network_sha", "data_id", "damaged")  # columns that are no figures
TABLES = ("metrics", "per_class", "predictions", "group_changes")  # of every run
KEYS = ("method", "version", "parameters", "model", "data", "seed")


def _made_again(run: Run, base: nn.Module | None) -> nn.Module | None:
    """The model of a run without weights, or None where it cannot be made again."""
    from labkit.runs.rebuilding import rebuild as made_again  # local: it opens networks and data, which a store itself does not

    try:
        return made_again(run, base=base).model
    except Exception:  # whatever stands in the file of a stranger as parameters or sources
        return None


class Store:
    """A folder of runs.

    Each run is a folder ``ID/`` with ``run.json`` (facts), ``metrics.parquet`` (one row), ``per_class.parquet``,
    ``predictions.parquet`` and, with weights, ``model.safetensors``; docs/format.md describes them. A run is written atomically.
    From other programs::

        duckdb -c "select * from read_parquet('runs/*/metrics.parquet', union_by_name = true)"
        polars.read_parquet("runs/*/predictions.parquet")

    Parameters
    ----------
    folder : path
        Created when the first run is saved.
    """

    def __init__(self, folder: str | os.PathLike = "runs") -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r}, {len(self.ids())} runs)"

    def __contains__(self, run: object) -> bool:
        return isinstance(run, str) and ID.fullmatch(run) is not None and not read_run(self.folder / run).damaged

    def runs(self) -> list[Run]:
        """Return every run, damaged ones included, oldest first.

        Returns
        -------
        list of Run
        """
        return sorted((read_run(self.folder / name) for name in self.ids()), key=lambda run: (run.created, run.id))

    def ids(self) -> list[str]:
        """Return the ids of every run, damaged ones included, without reading them.

        Returns
        -------
        list of str
        """
        if not self.folder.is_dir():
            return []
        with os.scandir(self.folder) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry))

    def run(self, name: str) -> Run:
        """Return one run.

        Parameters
        ----------
        name : str
            Its id, or the beginning of it.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            When no run or several begin so.
        """
        ids = self.ids()
        found = [entry for entry in ids if entry.startswith(name)] if name else []
        if len(found) > 1 and name not in found:
            raise ValueError(f"{name!r} is the beginning of {len(found)} runs ({', '.join(found[:3])}, …); give more characters")
        if not found:
            raise unknown_name(f"run in {self.folder}", name, ids, "labkit runs list shows all")
        return read_run(self.folder / (name if name in found else found[0]))

    def table(self) -> pd.DataFrame:
        """Return identity, parameters and every figure of the runs; damaged runs carry the reason alone.

        Returns
        -------
        DataFrame
            One row per run, indexed by id.
        """
        rows: list[dict[str, Any]] = []
        for run in self.runs():
            if run.damaged:
                rows.append({"id": run.id, "damaged": run.damaged})
                continue
            facts: dict[str, Any] = {
                "method": run.method,
                "model": run.model,
                "data": run.data,
                "seed": run.seed,
                "created": run.created,
            }
            facts |= {"network_sha": run.reference_sha, "data_id": run.data_id}
            parameters = {f"param.{name}": value for name, value in run.parameters.items()}
            summary = with_group_verdicts(run.folder, run.data, run.data_id, run.summary)
            figures = {name: math.nan if value is None else value for name, value in summary.items() if name not in OWN}
            rows.append({"id": run.id, **facts, **parameters, **figures, "damaged": ""})
        return pd.DataFrame(rows, columns=None if rows else ["id", "method", "model", "data", "damaged"]).set_index("id")

    def save(
        self,
        model: nn.Module | None,
        *,
        audit: Audit,
        config: dict[str, Any] | None = None,
        weights: bool = True,
        compact: bool = False,
        tables: Mapping[str, pd.DataFrame] | None = None,
        sources: Mapping[str, Any] | None = None,
    ) -> Run:
        """Store a compressed model and its audit; saving the same run again changes nothing.

        Parameters
        ----------
        model : nn.Module or None
            None keeps the figures alone.
        audit : Audit
        config : dict
            ``method``, ``version``, ``parameters``, ``model`` (name), ``data`` (name), ``seed``; other keys count as parameters.
        weights : bool
            Whether to keep the weights. They are not kept of a network with a layer that a stored run could not build again; a
            warning and the notes of the run's audit then say which, and what to do.
        compact : bool
            Probabilities in steps of 1/256.
        tables : mapping of str to DataFrame, optional
            Saved as ``NAME.parquet``, e.g. the curve of a training.
        sources : mapping, optional
            Where network and data came from, as `labkit.runs.sources_of` gives it; no part of the run's identity.

        Returns
        -------
        Run

        Raises
        ------
        OSError
            When the folder cannot be written; nothing half-written stays.
        TypeError
            When a parameter is not plain JSON, or a name or number of `config` is of another type.
        ValueError
            For a table whose name is taken or cannot be a file's.
        """
        check_tables(tables or {})
        check_extras(audit.extras)
        facts = {
            **self._facts(model, audit, dict(config or {})),
            "compact": compact,
            "sources": dict(sources or {}),
        }
        there = self.find(facts["id"])
        if there is not None:
            return there
        why = unbuildable(model) if weights and model is not None else ""
        if why:
            warnings.warn(f"run {facts['id']}: {why}", stacklevel=2)
            audit, weights = replace(audit, notes=(*audit.notes, why)), False
        final = self.folder / facts["id"]
        with half_written(self.folder, final.name) as place:
            try:
                for table, frame in (tables or {}).items():
                    write_table(frame, place / f"{table}.parquet{ENDING}")
                self._fill(place, facts, model if weights else None, audit, compact)
                self._publish(place, final)
            except OSError as error:
                raise OSError(
                    f"cannot save run {facts['id']} in {self.folder}: {error.strerror or error}; free some space there"
                ) from error
        return read_run(final)

    def find(self, run: str) -> Run | None:
        """Return a run that is there already, before it is made.

        Parameters
        ----------
        run : str
            Its whole id.

        Returns
        -------
        Run or None
            None where there is none, or a damaged one that may be made again.

        Raises
        ------
        ValueError
            When something is in its place that must not be overwritten: a run of a newer format, one that this user may not read,
            or a folder with another run.
        """
        there = read_run(self.folder / run)
        if there.protected and os.path.lexists(there.folder):
            raise ValueError(
                f"run {run} is in {self.folder} already, where it is not overwritten: {there.damaged}; or use another store"
            )
        return None if there.damaged else there

    def extend(self, name: str, audit: Audit) -> Run:
        """Add the figures and tables of a later audit of the same model to a stored run; existing figures are kept.

        Parameters
        ----------
        name : str
            The id or its beginning.
        audit : Audit
            Of the same model on the same data, with further measures.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            For an unknown run, or an audit of other data or predictions.
        OSError
            When the folder cannot be written; the run then stays as it was.
        """
        check_extras(audit.extras)
        run = self.run(name)
        with locked(self.folder):
            return self._extended(run, audit)

    def _extended(self, run: Run, audit: Audit) -> Run:
        stored = self._sound(run.id)[1]  # checksums are written anew: damage must not be taken over
        check_extends(run, stored, audit)
        whole = merged(stored, audit)
        with half_written(self.folder, run.id) as place:
            try:
                facts = read_facts(run.folder)
                copied(run.folder, place, list(facts["files"]))
                self._fill(place, facts, None, whole, compact=facts.get("compact", False))
                exchange(self.folder, place, run.folder)
            except OSError as error:
                raise OSError(f"cannot extend run {run.id} in {self.folder}: {error.strerror or error}") from error
        return read_run(run.folder)

    def adopt(self, run: Run) -> Run:
        """Copy a run of another store into this one; a sound run of the same id is kept.

        Parameters
        ----------
        run : Run

        Returns
        -------
        Run

        Raises
        ------
        OSError
            When the folder cannot be written; nothing half-written stays.
        ValueError
            For a damaged run, or when something is in its place that must not be overwritten.
        """
        if run.damaged:
            raise ValueError(run.refusal)
        there = self.find(run.id)
        if there is not None:
            return there
        final = self.folder / run.id
        with half_written(self.folder, run.id) as place:
            copied(run.folder, place, [FACTS, *read_facts(run.folder)["files"]])
            finished(place)
            self._publish(place, final)
        return read_run(final)

    def load(self, name: str, *, base: nn.Module | None = None) -> tuple[nn.Module | None, Audit]:
        """Return the model and the audit of a run; the model is rebuilt from its manifest without pickle.

        Where only figures were kept, the model is made again from method, parameters, network and seed; `labkit.runs.rebuild` says
        how far it is the stored one, and why one cannot be made again.

        Parameters
        ----------
        name : str
            The id or its beginning.
        base : nn.Module, optional
            For an architecture of your own: the model the run was compressed from.

        Returns
        -------
        model : nn.Module or None
            None when only figures were kept, and the model cannot be made again.
        audit : Audit

        Raises
        ------
        ValueError
            For an unknown or damaged run, or an architecture that needs `base`.
        """
        run, audit = self._sound(name)
        if not run.has_weights:
            return _made_again(run, base), audit
        return built(run.folder, base), audit

    def audit_of(self, name: str) -> Audit:
        """Return the audit of a run, without building its network.

        Parameters
        ----------
        name : str
            The id or its beginning.

        Returns
        -------
        Audit

        Raises
        ------
        ValueError
            For an unknown or damaged run.
        """
        return self._sound(name)[1]

    def _sound(self, name: str) -> tuple[Run, Audit]:
        """Return a run whose files match their checksums, and its audit."""
        run = read_run(self.run(name).folder, thorough=True)
        if run.damaged:
            raise ValueError(run.refusal)
        return run, read_audit(run.folder)

    def table_of(self, name: str, table: str) -> pd.DataFrame | None:
        """Return a table that was saved with a run.

        Parameters
        ----------
        name : str
            The run's id or its beginning.
        table : str

        Returns
        -------
        DataFrame or None
            None where the run has no table of that name.

        Raises
        ------
        ValueError
            For an unknown run, a name that no table has, or a damaged table.
        """
        if table not in TABLES:
            check_name(table)
        folder = self.run(name).folder
        return read_table(folder, f"{table}.parquet") if (folder / f"{table}.parquet").exists() else None

    def delete(self, name: str) -> None:
        """Remove a run.

        Parameters
        ----------
        name : str
            Its id or the beginning of it.

        Raises
        ------
        ValueError
            For an unknown run, or a folder that holds none.
        """
        run = self.run(name)
        if ID.fullmatch(run.folder.name) is None and not (run.folder / FACTS).is_file():
            raise ValueError(f"{run.folder} is no run of labkit; remove it yourself if it is not needed")
        shutil.rmtree(run.folder)

    def _facts(self, model: nn.Module | None, audit: Audit, config: dict[str, Any]) -> dict[str, Any]:
        """Collect what the id is made of, and the names of network and data."""
        extra = {key: config.pop(key) for key in list(config) if key not in KEYS}
        parameters = {**(config.get("parameters") or {}), **extra}
        origin = getattr(model, "labkit_origin", None) or {}
        facts = {
            "method": config.get("method", "custom"),
            "version": config.get("version", 1),
            "parameters": parameters,
            "model_sha": audit.reference_sha or audit.model_sha or (model_sha(model) if model is not None else ""),
            "data_id": audit.data_id or "",
            "seed": config.get("seed", 0),
        }
        if "method" not in config and audit.model_sha:  # only its weights distinguish such a run from another
            facts["parameters"] = {**parameters, "weights": audit.model_sha}
        names = {"model": config.get("model") or origin.get("name", "custom"), "data": config.get("data", "")}
        for key, value in {**facts, **names}.items():
            if not isinstance(value, KINDS[key]):
                raise TypeError(f"{key} of a run must be of type {KINDS[key].__name__}, got {shortly(value)}")
        run = run_id(**facts)
        try:
            plain_facts({**facts, **names})
        except ValueError as error:
            raise ValueError(f"a run cannot be stored with these facts, {shortly({**facts, **names})}: {error}") from error
        return {"format": FORMAT, "id": run, **facts, **names, "reference_sha": audit.reference_sha}

    def _fill(self, place: Path, facts: dict[str, Any], model: nn.Module | None, audit: Audit, compact: bool) -> None:
        """Write every file and flush it; run.json comes last, with the sizes and checksums of the others."""
        facts.setdefault("created", datetime.now(UTC).isoformat(timespec="seconds"))
        facts["made_with"] = {"labkit": __version__}
        write_audit(audit, place, compact=compact, ending=ENDING)
        write_row(metrics_row(audit, facts), place / f"metrics.parquet{ENDING}")
        if model is not None:
            facts["source"] = source_of(model)
            save_state(model, place / f"{WEIGHTS}{ENDING}")
        files = {path.name.removesuffix(ENDING): path for path in sorted(place.iterdir())}
        facts["files"] = {name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for name, path in files.items()}
        facts["summary"], facts["measures"] = plain(audit.summary), plain(audit.measures)
        write_facts(facts, place / f"{FACTS}{ENDING}")
        finished(place)

    def _publish(self, place: Path, final: Path) -> None:
        """Rename into place; a run that another process saved first is kept, a damaged one is replaced."""
        try:
            os.rename(place, final)
        except OSError:
            if self.find(final.name) is not None:
                return
            if not final.is_dir():  # what is in the way is no run
                raise
            exchange(self.folder, place, final)
        flush(self.folder)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False
