"""`measure_run`: add measures to a stored run."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.audit import audit, get_measure
from labkit.audit.assemble import Asked, named
from labkit.runs.rebuilding import rebuild
from labkit.runs.references import Reference, reference_of
from labkit.runs.run import Run
from labkit.runs.store import Store


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
    run, measures = store.run(name), named(measures)
    if run.damaged:
        raise ValueError(f"run {run.id} is damaged: {run.damaged}")
    needs = {need for measure in measures for need in get_measure(measure).needs}
    base = reference_of(run) if base is None else base
    if (base.sha, base.data_id) != (run.model_sha, run.data_id):
        raise ValueError(
            f"run {run.id} is of another network or other data than {run.model} and {run.data} as they are now; make the run again"
        )
    small = _network(store, run, base)
    found = audit(
        small,
        base.dataset.test,
        reference=base.network,
        reference_logits=base.logits,
        measures=measures,
        cost="cost" in needs,
        seed=run.seed,
    )
    target = store if into is None else into
    if target.folder != store.folder:
        target.adopt(run)
    return target.extend(run.id, found)


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
