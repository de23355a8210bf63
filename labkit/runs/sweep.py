"""Many runs from one grid: serial or in processes, resumed where it stopped, the same twice changing nothing."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from labkit import models
from labkit.audit import audit
from labkit.compress import get_method, load_plugin
from labkit.messages import unknown_name
from labkit.runs.identity import run_id
from labkit.runs.reference import reference
from labkit.runs.run import Run
from labkit.runs.store import Store


@dataclass(frozen=True)
class Job:
    """One run to make: a method with its parameters on a model and a data set."""

    model: str
    method: str
    parameters: dict[str, Any]
    data: str
    seed: int = 0
    model_options: dict[str, Any] = field(default_factory=dict)
    data_options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.model}: {self.method}({values})"


def jobs(grid: dict[str, Any]) -> list[Job]:
    """Expand a grid into jobs: every model with every method and every combination of the parameters listed.

    Parameters
    ----------
    grid : dict
        ``models``: names, or {name: options}; ``methods``: {name: {parameter: value or list}}; ``data``: a name (by default what
        each reference model was trained on); ``data_options``, ``seed``: optional.

    Raises
    ------
    ValueError
        On unknown keys, methods or parameters, values of another kind, or nothing to do.
    """
    if not isinstance(grid, dict):
        raise ValueError(f"a grid is a mapping with models and methods, got {type(grid).__name__}")
    for key in grid:
        if key not in ("models", "methods", "data", "data_options", "seed"):
            raise unknown_name("key of a grid", key, ("models", "methods", "data", "data_options", "seed"))
    options, methods = _named(grid, "models"), _named(grid, "methods")
    seed, data_options = grid.get("seed", 0), grid.get("data_options") or {}
    if not isinstance(seed, int):
        raise ValueError(f"the seed of a grid is one whole number, got {seed!r}; sweep once for each seed")
    if not isinstance(data_options, dict):
        raise ValueError(f"data_options of a grid maps names to values, got {data_options!r}")
    found = [
        Job(model, method, settings, grid.get("data") or _own_data(model), seed, options[model], data_options)
        for model in options
        for method, values in methods.items()
        for settings in _combinations(method, values)
    ]
    if not found:
        raise ValueError(
            "the grid has no model or no method; give models: [vit_fashion] and methods: {condense: {sparsity: [0.9]}}"
        )
    return found


def _named(grid: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """Models or methods of a grid, given as one name, a list of names, or names with their options."""
    given = grid.get(key) or {}
    given = [given] if isinstance(given, str) else given
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return {name: {} for name in given}
    if isinstance(given, dict) and all(isinstance(values, (dict, type(None))) for values in given.values()):
        return {name: values or {} for name, values in given.items()}
    raise ValueError(f"{key} of a grid are a list of names, or map each name to its options, got {given!r}")


def _own_data(model: str) -> str:
    """What a reference model was trained on."""
    if model.startswith("timm:"):
        raise ValueError(f"say what data {model} is for: data: NAME in the grid; only reference models know theirs")
    return models.get_recipe(model).data


def _combinations(method: str, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    lists = [value if isinstance(value, list) else [value] for value in values.values()]
    for combination in itertools.product(*lists):
        yield get_method(method).settings(dict(zip(values, combination, strict=True)))


def sweep(
    grid: dict[str, Any] | list[Job],
    store: Store,
    *,
    processes: int = 1,
    weights: bool = True,
    compact: bool = False,
    plugins: tuple[str, ...] = (),
    report: Callable[[int, int, str], None] | None = None,
) -> list[Run]:
    """Make every run of `grid` that `store` does not hold yet, and return all of them in the grid's order.

    Parameters
    ----------
    grid : dict or list of Job
        See `jobs`.
    store : Store
    processes : int
        Each gets its share of the cores. Timings of latency disturb each other then.
    weights, compact : bool
        As in `Store.save`.
    plugins : tuple of str
        Files to load in every process.
    report : callable (done, total, sentence), optional

    Raises
    ------
    ValueError
        On a bad grid. A job that fails raises with its name; runs that were made stay.
    """
    todo = grid if isinstance(grid, list) else jobs(grid)
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    keep = {"weights": weights, "compact": compact}
    ids: dict[int, str] = {}

    def done(index: int, run: str) -> None:
        ids[index] = run
        if report:
            report(len(ids), len(todo), str(todo[index]))

    if processes == 1:
        for index, job in enumerate(todo):
            done(index, run_job(job, store.folder, keep))
    else:
        _in_processes(todo, store.folder, keep, processes, plugins, done)
    return [store.run(ids[index]) for index in range(len(todo))]


def _in_processes(
    todo: list[Job], folder: Path, keep: dict, processes: int, plugins: tuple[str, ...], done: Callable[[int, str], None]
) -> None:
    threads = max(1, (os.cpu_count() or 1) // processes)
    context = get_context("spawn")  # forking a process that has torch threads may hang
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare, initargs=(threads, plugins)) as pool:
        waiting = {pool.submit(run_job, job, folder, keep): index for index, job in enumerate(todo)}
        try:
            for future in as_completed(waiting):
                done(waiting[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare(threads: int, plugins: tuple[str, ...]) -> None:
    torch.set_num_threads(threads)
    for plugin in plugins:
        load_plugin(plugin)


def run_job(job: Job, folder: Path, keep: dict[str, Any]) -> str:
    """Make one run unless the store has it; return its id."""
    store, method = Store(folder), get_method(job.method)
    base = reference(job.model, job.data, job.model_options, job.data_options)
    wanted = run_id(
        method=job.method,
        version=method.version,
        parameters=job.parameters,
        model_sha=base.sha,
        data_id=base.data_id,
        seed=job.seed,
    )
    if wanted in store:
        return wanted
    try:
        small = method(base.network, data=base.dataset, seed=job.seed, **job.parameters)
        found = audit(small, base.dataset.test, reference=base.network, reference_logits=base.logits)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{job}: {error}") from error
    config = {key: value for key, value in asdict(job).items() if key not in ("model_options", "data_options")}
    return store.save(small, audit=found, config={**config, "version": method.version}, **keep).id
