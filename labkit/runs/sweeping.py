"""All runs of a grid: serial or in processes; runs that are stored are not made again."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import torch

from labkit import models
from labkit.audit import audit
from labkit.compress import get_method
from labkit.messages import cut, said
from labkit.models.own import register
from labkit.plugins import load_plugin
from labkit.runs.failures import SweepFailed
from labkit.runs.grid_jobs import Job, jobs
from labkit.runs.identity import TRAINED, run_id
from labkit.runs.measuring import measure_run, unmeasured
from labkit.runs.references import Reference, reference
from labkit.runs.run import Run, read_run
from labkit.runs.sources import noted
from labkit.runs.store import Store
from labkit.runs.trained import train_run
from labkit.workers import Workers


def sweep(
    grid: dict[str, Any] | list[Job],
    store: Store,
    *,
    processes: int = 1,
    weights: bool = True,
    compact: bool = False,
    plugins: tuple[str, ...] = (),
    networks: tuple[str, ...] = (),
    report: Callable[[int, int, str], None] | None = None,
    tell: Callable[[Job, str], None] | None = None,
) -> list[Run]:
    """Make every run of a grid that a store does not hold yet.

    Interrupted, it ends within about a second, with its processes; what is half made leaves nothing, and the same call goes on.

    Parameters
    ----------
    grid : dict or list of Job
        See `jobs`.
    store : Store
    processes : int
        Each gets its share of the cores; latencies are less reliable then.
    weights, compact : bool
        As in `Store.save`.
    plugins : tuple of str
        Files to load in every process.
    networks : tuple of str
        Networks of the user's own, ``module:function`` or ``file.py:function``, to import in every process.
    report : callable (done, total, sentence), optional
    tell : callable (job, reason), optional
        Called for a job that fails, when it fails.

    Returns
    -------
    list of Run
        All runs of the grid, in its order.

    Raises
    ------
    ValueError
        On a bad grid. A job that fails does not stop the others: at the end `labkit.runs.SweepFailed` names every one with its
        reason, and has the runs that were made.
    KeyboardInterrupt
        When interrupted; it says how many runs were made.
    """
    todo = grid if isinstance(grid, list) else jobs(grid)
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    keep = {"weights": weights, "compact": compact}
    ids: dict[int, str] = {}
    failed: dict[int, str] = {}

    def done(index: int, result: Callable[[], str]) -> None:
        try:
            ids[index] = result()
        except ValueError as error:
            failed[index] = str(error)
        except BrokenExecutor:
            failed[index] = f"{todo[index]}: its process was killed, perhaps for want of memory; give fewer processes"
        if tell and index in failed:
            tell(todo[index], failed[index])
        if report:
            report(len(ids) + len(failed), len(todo), failed.get(index) or str(todo[index]))

    before = _stored(store.folder)
    try:
        if processes == 1:
            for index, job in enumerate(todo):
                done(index, partial(run_job, job, store.folder, keep))
        else:
            _in_processes(todo, store.folder, keep, processes, (plugins, networks), done)
    except KeyboardInterrupt as stop:
        made = len(_stored(store.folder) - before)  # also those that no process came to report
        training = f"; {stop}" if str(stop) else ""
        stop.args = (f"{made} of {len(todo)} runs were made; the same sweep goes on with the others{training}",)
        raise
    made_or_found = [read_run(store.folder / ids[index]) for index in sorted(ids)]
    if failed:
        raise SweepFailed(made_or_found, [(todo[index], failed[index]) for index in sorted(failed)])
    return made_or_found


def _in_processes(
    todo: list[Job],
    folder: Path,
    keep: dict,
    processes: int,
    own: tuple[tuple[str, ...], tuple[str, ...]],
    done: Callable[[int, Callable[[], str]], None],
) -> None:
    threads = max(1, (os.cpu_count() or 1) // processes)
    with Workers(min(processes, len(todo)), f"{__name__}:prepare", threads, *own) as pool:
        waiting = {pool.submit(run_job, job, folder, keep): index for index, job in enumerate(todo)}
        for future in as_completed(waiting):
            done(waiting[future], future.result)


def _stored(folder: Path) -> set[str]:
    """Names of the runs in a store."""
    return {path.parent.name for path in folder.glob("[!.]*/run.json")}


def prepare(threads: int, plugins: tuple[str, ...], networks: tuple[str, ...]) -> None:
    """Make a process ready for jobs.

    Parameters
    ----------
    threads : int
        Of torch.
    plugins, networks : tuple of str
        As for `sweep`.
    """
    torch.set_num_threads(threads)
    for plugin in plugins:
        load_plugin(plugin)
    for network in networks:
        register(network)


def run_job(job: Job, folder: Path, keep: dict[str, Any]) -> str:
    """Make one run unless the store has it, and the measures it lacks.

    Parameters
    ----------
    job : Job
    folder : Path
        Of the store.
    keep : dict
        ``weights`` and ``compact`` of `Store.save`.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    ValueError
        When the method, a measure or the training fails; the message names the job.
    """
    store = Store(folder)
    try:
        if job.method.startswith(TRAINED):
            return _train(job, store, keep)
        base = reference(job.model, job.data, {"seed": job.seed, **job.model_options}, job.data_options)
        return _compress(job, store, base, keep)
    except OSError:  # a full disk, or a folder that cannot be written, fails every job
        raise
    except (ValueError, TypeError) as error:
        raise ValueError(cut(f"{job}: {' '.join(str(error).split())}")) from error
    except (Exception, SystemExit) as error:  # methods, networks and plugins of users raise errors of any type
        raise ValueError(f"{job}: {said(error)}") from error


def _compress(job: Job, store: Store, base: Reference, keep: dict[str, Any]) -> str:
    method = get_method(job.method)
    wanted = run_id(
        method=job.method,
        version=method.version,
        parameters=job.parameters,
        model_sha=base.sha,
        data_id=base.data_id,
        seed=job.seed,
    )
    if wanted in store:
        return _measured(job, store, wanted, base)
    small = method(base.network, data=base.dataset, seed=job.seed, **job.parameters)
    found = audit(
        small, base.dataset.test, reference=base.network, reference_logits=base.logits, measures=job.measures, seed=job.seed
    )
    config = {name: getattr(job, name) for name in ("method", "parameters", "model", "seed")}
    config |= {"data": base.dataset.name, "version": method.version}  # the file is part of the sources
    return store.save(small, audit=noted(found, base.network), config=config, sources=base.sources, **keep).id


def _train(job: Job, store: Store, keep: dict[str, Any]) -> str:
    if job.model_options or job.data_options or job.data != models.get_recipe(job.model).data:
        raise ValueError("a rule trains a reference model on its own data; leave data, data_options and options out")
    rule = job.method.removeprefix(TRAINED)
    run = train_run(job.model, rule, store, seed=job.seed, progress=False, measures=job.measures, **keep, **job.parameters)
    return _measured(job, store, run.id, reference(job.model, job.data))


def _measured(job: Job, store: Store, run: str, base: Reference) -> str:
    """Add the measures that a stored run lacks."""
    lacking = unmeasured(read_run(store.folder / run), job.measures)
    if lacking:
        measure_run(store, run, lacking, base=base)
    return run
