"""`measure_run`, `measure_runs`: add measures to stored runs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from labkit.audit import audit, get_measure
from labkit.audit.assemble import Asked, chosen, named
from labkit.audit.tasks import outputs, task_of
from labkit.data import NodeSplit
from labkit.runs.failures import in_words
from labkit.runs.rebuilding import cannot_rebuild, rebuild
from labkit.runs.references import Reference, reference_of
from labkit.runs.run import Run
from labkit.runs.store import Store

if TYPE_CHECKING:
    from labkit.data import Split
    from labkit.runs.library import Library

CHUNK = 1000  # examples between two reports, a multiple of the batches
BATCH = 250


@dataclass(frozen=True)
class Measuring:
    """How far the measuring of several runs is.

    Attributes
    ----------
    done : float
        Runs that are over; the one under way counts by its share.
    total : int
    run : str
        Id of the run under way, or of the last one.
    measures : tuple of str
        What is measured.
    failures : tuple of str
        Why runs could not be measured, a sentence each.
    """

    done: float
    total: int
    run: str
    measures: tuple[str, ...]
    failures: tuple[str, ...] = ()


def measure_run(store: Store, name: str, measures: Asked, *, into: Store | None = None, base: Reference | None = None) -> Run:
    """Compute measures of a stored run and keep them with it.

    The compressed network is loaded, or made again where only its figures were kept.

    Parameters
    ----------
    store : Store
    name : str
        The run's id or its beginning.
    measures : iterable of str, or mapping of str to dict
        Measures, perhaps with their settings.
    into : Store, optional
        Where the extended run goes; by default it replaces the stored one. The runs that ship are copied there first.
    base : Reference, optional
        The network that was compressed and its data; by default both are opened from where the run says they came.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        For an unknown run or measure, a reference network other than the run's, a network that cannot be made again, or a measure
        that does not apply.
    OSError
        When the store cannot be written.
    """
    steps = _measured(store, store.run(name), named(measures), into, base)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Run = end.value
            return found


def measure_runs(
    store: Store | Library, names: Iterable[str], measures: Asked, *, into: Store | None = None, base: Reference | None = None
) -> Iterator[Measuring]:
    """Do what `measure_run` does for several runs, step by step; one that fails does not keep the others from being measured.

    Every run is stored as soon as it is measured; whoever reads no further leaves the rest as it was.

    Parameters
    ----------
    store : Store or Library
    names : iterable of str
        Ids.
    measures, into, base
        As `measure_run` takes them.

    Yields
    ------
    Measuring
        The last one has every failure.

    Raises
    ------
    ValueError
        For an unknown run or measure.
    """
    asked, found, failures = named(measures), [store.run(name) for name in names], list[str]()
    for measure in asked:
        get_measure(measure)

    def told(done: float, run: Run) -> Measuring:
        return Measuring(done, len(found), run.id, tuple(asked), tuple(failures))

    for number, run in enumerate(found):
        yield told(number, run)
        try:
            with in_words(f"measuring run {run.id}"):
                for share in _measured(Store(run.folder.parent), run, asked, into, base):
                    yield told(number + share, run)
        except (ValueError, TypeError, OSError) as error:
            failures.append(str(error))
    if found:
        yield told(len(found), found[-1])


def _measured(
    store: Store, run: Run, measures: dict[str, dict[str, Any]], into: Store | None, base: Reference | None
) -> Generator[float, None, Run]:
    """Measure one run: yield the share of its examples that have gone through the network; return the extended run."""
    if run.damaged:
        raise ValueError(f"run {run.id} is damaged: {run.damaged}")
    why = "" if run.has_weights else cannot_rebuild(run)
    if why:
        raise ValueError(why)  # before anything is opened
    needs = {need for measure in measures for need in get_measure(measure).needs}
    base = reference_of(run) if base is None else base
    if (base.sha, base.data_id) != (run.model_sha, run.data_id):
        raise ValueError(
            f"run {run.id} is of another network or other data than {run.model} and {run.data} as they are now; make the run again"
        )
    split = base.dataset.test
    chosen(task_of(split), measures)  # unknown or inapplicable measures are rejected before anything runs
    small = _network(store, run, base)
    parts: list[np.ndarray] = []
    for part in _parts(split):
        yield sum(map(len, parts)) / len(split)
        parts.append(outputs(small, part, BATCH, "model"))
    found = audit(
        small,
        split,
        reference=base.network,
        logits=np.concatenate(parts),
        reference_logits=base.logits,
        measures=measures,
        cost="cost" in needs,
        seed=run.seed,
    )
    target = store if into is None else into
    if target.folder != store.folder:
        target.adopt(run)
    return target.extend(run.id, found)


def _parts(split: Split | NodeSplit) -> Iterator[Split | NodeSplit]:
    """Some examples at a time; a graph, and labels in pairs, only as a whole."""
    if isinstance(split, NodeSplit) or split.multilabel:
        yield split
        return
    for start in range(0, len(split), CHUNK):
        yield split.subset(slice(start, start + CHUNK))


def _network(store: Store, run: Run, base: Reference) -> nn.Module:
    """Load or rebuild the compressed network of a run."""
    if run.has_weights:
        model: Any = store.load(run.id, base=base.network)[0]
        return model
    return rebuild(run, base=base.network, dataset=base.dataset).model


def unmeasured(run: Run, measures: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the measures that a run does not hold yet, or holds in another version or with other settings.

    Parameters
    ----------
    run : Run
    measures : dict of str to dict

    Returns
    -------
    dict of str to dict
    """
    there = {figure.partition("[")[0] for figure in run.summary}
    found = {}
    for name, settings in measures.items():
        wanted = {"version": get_measure(name).version, "settings": settings}
        known = run.measures.get(name, wanted if name in there else None)  # runs of older versions have no record
        if known != wanted:
            found[name] = settings
    return found
