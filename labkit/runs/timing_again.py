"""`time_again`: time the networks of stored runs again beside their references; every other figure stays as it is."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from labkit.audit import MEASURES
from labkit.audit.assemble import computed, flat
from labkit.audit.evidence import Evidence
from labkit.audit.notes import SLOW, slower
from labkit.audit.tasks import batch_of, example_of
from labkit.cost import Cost, cost
from labkit.files import sha256
from labkit.runs.extending import exchange, locked
from labkit.runs.rebuilding import cannot_rebuild, rebuild
from labkit.runs.references import Reference, reference_of
from labkit.runs.run import FACTS, Run, read_run
from labkit.runs.tables import write_row
from labkit.training.prediction import device_of

if TYPE_CHECKING:
    from labkit.runs.store import Store

CHANGED = ("audit.json", "metrics.parquet")


def time_again(
    store: Store,
    names: list[str] | None = None,
    *,
    seconds: float = 1.0,
    budget: float | None = None,
    again: bool = False,
    report: Callable[[int, int, str], None] | None = None,
) -> dict[str, str]:
    """Time runs of a store beside their references and keep the ratios with their intervals; ids and other files stay.

    Parameters
    ----------
    store : Store
    names : list of str, optional
        Ids or their beginnings; by default all runs.
    seconds : float
        Time spent on each network.
    budget : float, optional
        Seconds after which no further run is begun; a later call goes on where this one ended.
    again : bool
        Also runs whose interval is known.
    report : callable (done, total, sentence), optional

    Returns
    -------
    dict of str to str
        Ids of the runs that were not timed, with the reason.

    Raises
    ------
    ValueError
        For an unknown run.
    OSError
        When the store cannot be written; the run at hand then stays as it was.
    """
    runs = store.runs() if names is None else [store.run(name) for name in names]
    runs = sorted(runs, key=lambda run: (run.model, run.data))  # a reference is opened once
    left: dict[str, str] = {}
    began = time.monotonic()
    for done, run in enumerate(runs):
        if report:
            report(done, len(runs), f"{run.model} {run.method}")
        if _known(run) and not again:
            continue
        if budget is not None and time.monotonic() - began >= budget:
            left[run.id] = "the budget was spent before; start the same command again to go on"
            continue
        try:
            _time(store, run, seconds)
        except (ValueError, RuntimeError) as error:  # torch raises the latter
            left[run.id] = str(error)
    if report:
        report(len(runs), len(runs), "done")
    return left


def _known(run: Run) -> bool:
    return run.summary.get("latency_ratio_low") is not None


def _time(store: Store, run: Run, seconds: float) -> None:
    why = (run.damaged and f"run {run.id} is damaged: {run.damaged}") or ("" if run.has_weights else cannot_rebuild(run))
    if why:
        raise ValueError(why)
    base = reference_of(run)
    kept = store.load(run.id, base=base.network)[0] if run.has_weights else None
    small = rebuild(run, base=base.network, dataset=base.dataset).model if kept is None else kept
    split, device = base.dataset.test, device_of(base.network)
    found = cost(small, example_of(split, device), reference=base.network, batch=batch_of(split, device), seconds=seconds)
    with locked(store.folder):
        _write(read_run(run.folder), found, _figures(base, found))


def _figures(base: Reference, found: Cost) -> dict[str, float]:
    """Return the figures that are timed."""
    evidence = Evidence(base.dataset.test, base.logits, cost=found)
    timed = [measure for measure in MEASURES.values() if not measure.repeatable and measure.when == "always"]
    return {name: value for measure in timed for name, value in flat(computed(measure, evidence, {})).items()}


def _write(run: Run, found: Cost, figures: dict[str, float]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{run.id}-", suffix=".tmp", dir=run.folder.parent))
    try:
        shutil.copytree(run.folder, temporary, dirs_exist_ok=True)
        temporary.chmod(0o755)
        audit = json.loads((run.folder / "audit.json").read_text())
        facts = json.loads((run.folder / FACTS).read_text())
        audit["cost"] = {**(audit["cost"] or {}), **_times(found)}
        audit["notes"] = [*(note for note in audit["notes"] if not note.startswith(SLOW)), *slower(found)]
        for holder in (audit, facts):
            holder["summary"] = {**holder["summary"], **figures}
            holder["measures"] = _records(holder.get("measures") or {})
        (temporary / "audit.json").write_text(json.dumps(audit, allow_nan=False) + "\n")
        row = pd.read_parquet(run.folder / "metrics.parquet")
        write_row(row.assign(**figures), temporary / "metrics.parquet")
        for name in CHANGED:
            path = temporary / name
            facts["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        (temporary / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
        exchange(temporary, run.folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _times(found: Cost) -> dict[str, Any]:
    times = {"latency_ms": found.latency, "throughput": found.throughput}
    return {name: asdict(timing) for name, timing in times.items() if timing is not None}


def _records(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the versions of measures; runs without records stay without."""
    if not stored:
        return stored
    timed = {key: {"version": m.version, "settings": {}} for key, m in MEASURES.items() if not m.repeatable and m.when == "always"}
    return {**stored, **timed}
