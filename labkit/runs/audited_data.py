"""The examples that a run was audited on, opened again from where they came."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labkit.audit import data_id
from labkit.data import CATALOGUE, open_dataset

if TYPE_CHECKING:
    from labkit.data import Split
    from labkit.runs.run import Run


def audited_split(run: Run) -> Split:
    """Open the split that a run was audited on, and compare its fingerprint.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        When the data are not known, no longer there, or others now.
    """
    known = dict(run.sources.get("data") or {})
    place, name = known.get("path"), known.get("name") or run.data
    if place is not None and not os.path.exists(place):
        raise ValueError(f"run {run.id} was audited on {place}, which is no longer there; put the data back to see examples")
    if place is None and name not in CATALOGUE:
        raise ValueError(f"run {run.id} does not say where its data {name!r} came from; labkit compress notes it")
    split = open_dataset(place or name, **(known.get("options") or {})).test
    if data_id(split) != run.data_id:
        raise ValueError(f"run {run.id} was audited on other data than {name} holds now; make the run again to see examples")
    return split
