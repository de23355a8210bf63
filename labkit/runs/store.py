"""`Store`: a folder of runs, one folder each, that DuckDB and Polars read as well as labkit does."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import tempfile
import time
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
from labkit.files import sha256
from labkit.messages import unknown_name
from labkit.models import rebuild, source_of
from labkit.runs.extending import check_extends, exchange, locked, merged
from labkit.runs.identity import run_id
from labkit.runs.later_figures import with_group_verdicts
from labkit.runs.run import FACTS, FORMAT, KINDS, Run, read_run
from labkit.runs.stored_audit import read_audit, write_audit
from labkit.runs.tables import metrics_row, write_row, write_table
from labkit.runs.weights import load_state, save_state, unbuildable

if TYPE_CHECKING:
    from labkit.audit import Audit

KEYS = ("method", "version", "parameters", "model", "data", "seed")
RESERVED = ("metrics", "per_class", "predictions", "group_changes")


def _made_again(run: Run, base: nn.Module | None) -> nn.Module | None:
    """The model of a run without weights, or None where it cannot be made again."""
    from labkit.runs.rebuilding import rebuild as made_again  # local: it opens networks and data, which a store itself does not

    try:
        return made_again(run, base=base).model
    except ValueError:
        return None


def check_tables(tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuse tables that would overwrite those of the audit or be written elsewhere.

    Parameters
    ----------
    tables : mapping of str to DataFrame

    Raises
    ------
    ValueError
    """
    for name in tables:
        if name in RESERVED:
            raise ValueError(f"a table of a run cannot be named {name!r}: the audit has one; choose another name")
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise ValueError(f"a table of a run must be named with letters, digits and underscores, got {name!r}")


class Store:
    """A folder of runs.

    Each run is a folder ``ID/`` with ``run.json`` (facts), ``metrics.parquet`` (one row), ``per_class.parquet``,
    ``predictions.parquet`` and, with weights, ``model.safetensors``. A run is written atomically. From other programs::

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
        return isinstance(run, str) and not read_run(self.folder / run).damaged

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
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())

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
            facts = {"method": run.method, "model": run.model, "data": run.data, "seed": run.seed, "created": run.created}
            facts |= {"network_sha": run.reference_sha, "data_id": run.data_id}
            parameters = {f"param.{name}": value for name, value in run.parameters.items()}
            summary = with_group_verdicts(run.folder, run.data, run.data_id, run.summary)
            figures = {name: math.nan if value is None else value for name, value in summary.items()}
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
        facts = {
            **self._facts(model, audit, dict(config or {})),
            "compact": compact,
            "sources": dict(sources or {}),
        }
        if facts["id"] in self:
            return read_run(self.folder / facts["id"])
        why = unbuildable(model) if weights and model is not None else ""
        if why:
            warnings.warn(f"run {facts['id']}: {why}", stacklevel=2)
            audit, weights = replace(audit, notes=(*audit.notes, why)), False
        final = self.folder / facts["id"]
        temporary = self._temporary(final)
        try:
            for table, frame in (tables or {}).items():
                write_table(frame, temporary / f"{table}.parquet")
            self._fill(temporary, facts, model if weights else None, audit, compact)
            self._publish(temporary, final)
        except OSError as error:
            raise OSError(
                f"cannot save run {facts['id']} in {self.folder}: {error.strerror or error}; free some space there"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return read_run(final)

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
        run = self.run(name)
        with locked(self.folder):
            return self._extended(run, audit)

    def _extended(self, run: Run, audit: Audit) -> Run:
        stored = read_audit(run.folder)
        check_extends(run, stored, audit)
        whole = merged(stored, audit)
        temporary = self._temporary(run.folder)
        try:
            facts = json.loads((run.folder / FACTS).read_text())
            for file in facts["files"]:
                shutil.copy2(run.folder / file, temporary / file)
            self._fill(temporary, facts, None, whole, compact=facts.get("compact", False))
            exchange(temporary, run.folder)
        except OSError as error:
            raise OSError(f"cannot extend run {run.id} in {self.folder}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
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
        """
        final = self.folder / run.id
        if run.id not in self:
            temporary = self._temporary(final)
            try:
                shutil.copytree(run.folder, temporary, dirs_exist_ok=True)
                temporary.chmod(0o755)
                self._publish(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
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
        facts = json.loads((run.folder / FACTS).read_text())
        model = rebuild(facts["source"], base)
        load_state(model, run.folder / "model.safetensors")
        return model.eval(), audit

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
            raise ValueError(f"run {run.id} is damaged: {run.damaged}; delete {run.folder} and make it again")
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
        """
        path = self.run(name).folder / f"{table}.parquet"
        return pd.read_parquet(path) if path.is_file() else None

    def delete(self, name: str) -> None:
        """Remove a run.

        Parameters
        ----------
        name : str
            Its id or the beginning of it.
        """
        shutil.rmtree(self.run(name).folder)

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
                raise TypeError(f"{key} of a run must be of type {KINDS[key].__name__}, got {value!r}")
        return {"format": FORMAT, "id": run_id(**facts), **facts, **names, "reference_sha": audit.reference_sha}

    def _temporary(self, final: Path) -> Path:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clear_leftovers()
            return Path(tempfile.mkdtemp(prefix=f".{final.name}-", suffix=".tmp", dir=self.folder))
        except OSError as error:
            raise OSError(
                f"cannot write to {self.folder}: {error.strerror or error}; choose another folder for the store"
            ) from error

    def _clear_leftovers(self) -> None:
        """Remove what killed processes left behind; no save takes a day."""
        for left in self.folder.glob(".*.tmp"):
            with contextlib.suppress(OSError):  # another process may be clearing it
                final = self.folder / left.name[1:].partition("-")[0]
                if (left / "old").is_dir() and not final.exists() and time.time() - left.stat().st_mtime > 60:
                    os.rename(left / "old", final)  # a process was killed between the two renames of an exchange
                if time.time() - left.stat().st_mtime > 86_400:
                    shutil.rmtree(left, ignore_errors=True)

    def _fill(self, folder: Path, facts: dict[str, Any], model: nn.Module | None, audit: Audit, compact: bool) -> None:
        """Write every file and flush it; run.json comes last, with the sizes and checksums of the others."""
        folder.chmod(0o755)  # mkdtemp makes it private
        facts.setdefault("created", datetime.now(UTC).isoformat(timespec="seconds"))
        facts["made_with"] = {"labkit": __version__}
        write_audit(audit, folder, compact=compact)
        write_row(metrics_row(audit, facts), folder / "metrics.parquet")
        if model is not None:
            facts["source"] = source_of(model)
            save_state(model, folder / "model.safetensors")
        files = sorted(path for path in folder.iterdir())
        facts["files"] = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files}
        facts["summary"], facts["measures"] = plain(audit.summary), plain(audit.measures)
        (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
        for path in (*files, folder / FACTS, folder):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _publish(self, temporary: Path, final: Path) -> None:
        """Rename into place; a run that another process saved first is kept, a damaged one is replaced."""
        if final.exists() and read_run(final).damaged:
            shutil.rmtree(final, ignore_errors=True)
        with contextlib.suppress(FileExistsError):
            try:
                os.rename(temporary, final)
            except OSError as error:
                if read_run(final).damaged:  # what is in the way is no run of another process
                    raise
                raise FileExistsError from error
        descriptor = os.open(self.folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
