"""Adding the figures of a later audit to a stored run."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from labkit.runs.run import Run

if TYPE_CHECKING:
    from labkit.audit import Audit


def check_extends(run: Run, stored: Audit, later: Audit) -> None:
    """Refuse an audit of another network, other data or another reference than a run's.

    Parameters
    ----------
    run : Run
    stored, later : Audit

    Raises
    ------
    ValueError
    """
    same = stored.predictions["predicted"].tolist() == later.predictions["predicted"].tolist()
    if stored.data_id != later.data_id or not (same or stored.model_sha == later.model_sha is not None):
        raise ValueError(f"run {run.id} is of another model or other data than this audit; make the run again")
    if None not in (stored.reference_sha, later.reference_sha) and stored.reference_sha != later.reference_sha:
        raise ValueError(f"run {run.id} was audited against another reference network; audit with that one")


def merged(stored: Audit, later: Audit) -> Audit:
    """Add the figures and tables of a later audit of the same model.

    Parameters
    ----------
    stored, later : Audit

    Returns
    -------
    Audit
        Figures of measures with the same version and settings are those of `stored`.
    """
    again = [key for key, record in later.measures.items() if stored.measures.get(key, record) != record]
    fresh = [name for name in later.summary.index if any(name.startswith((key, f"reference_{key}")) for key in again)]
    kept = stored.summary.drop(fresh, errors="ignore")
    replaced = {**later.extras, **stored.extras} if not again else {**stored.extras, **later.extras}
    return replace(
        stored,
        summary=pd.concat([kept, later.summary.drop(kept.index, errors="ignore")]),
        extras=replaced,
        measures={**later.measures, **stored.measures, **{key: later.measures[key] for key in again}},
        notes=tuple(dict.fromkeys((*stored.notes, *later.notes))),
    )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a store for one extension at a time, over processes.

    Parameters
    ----------
    folder : Path
        Of the store.

    Yields
    ------
    None
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
