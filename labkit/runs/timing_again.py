"""`time_again`: time the networks of stored runs again beside their references; every other figure stays as it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from labkit.audit import MEASURES
from labkit.audit.assemble import computed, flat
from labkit.audit.evidence import Evidence
from labkit.audit.notes import SLOW, slower
from labkit.audit.tasks import batch_of, example_of
from labkit.cost import Cost, cost
from labkit.files import sha256
from labkit.runs.checking import MOST_AUDIT, read_facts, read_json, write_facts
from labkit.runs.extending import locked
from labkit.runs.half_written import ENDING, copied, exchange, finished, half_written
from labkit.runs.rebuilding import cannot_rebuild, rebuild
from labkit.runs.references import Reference, reference_of
from labkit.runs.run import FACTS, Run, read_run
from labkit.runs.tables import read_table, write_row
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
        _write(store, run, found, _figures(base, found))


def _figures(base: Reference, found: Cost) -> dict[str, float]:
    """Return the figures that are timed."""
    evidence = Evidence(base.dataset.test, base.logits, cost=found)
    timed = [measure for measure in MEASURES.values() if not measure.repeatable and measure.when == "always"]
    return {name: value for measure in timed for name, value in flat(computed(measure, evidence, {})).items()}


def _write(store: Store, run: Run, found: Cost, figures: dict[str, float]) -> None:
    whole = read_run(run.folder, thorough=True)  # checksums are written anew: damage must not be taken over
    if whole.damaged:
        raise ValueError(whole.refusal)
    with half_written(store.folder, run.id) as place:
        audit, facts = read_json(run.folder / "audit.json", MOST_AUDIT), read_facts(run.folder)
        copied(run.folder, place, [name for name in facts["files"] if name not in CHANGED])
        audit["cost"] = {**(audit["cost"] or {}), **_times(found)}
        audit["notes"] = [*(note for note in audit["notes"] if not note.startswith(SLOW)), *slower(found)]
        for holder in (audit, facts):
            holder["summary"] = {**holder["summary"], **figures}
            holder["measures"] = _records(holder.get("measures") or {})
        (place / f"audit.json{ENDING}").write_text(json.dumps(audit, allow_nan=False) + "\n")
        row = read_table(run.folder, "metrics.parquet")
        write_row(row.assign(**figures), place / f"metrics.parquet{ENDING}")
        for name in CHANGED:
            path = place / f"{name}{ENDING}"
            facts["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        write_facts(facts, place / f"{FACTS}{ENDING}")
        finished(place)
        exchange(store.folder, place, run.folder)


def _times(found: Cost) -> dict[str, Any]:
    times = {"latency_ms": found.latency, "throughput": found.throughput}
    return {name: asdict(timing) for name, timing in times.items() if timing is not None}


def _records(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the versions of measures; runs without records stay without."""
    if not stored:
        return stored
    timed = {key: {"version": m.version, "settings": {}} for key, m in MEASURES.items() if not m.repeatable and m.when == "always"}
    return {**stored, **timed}
