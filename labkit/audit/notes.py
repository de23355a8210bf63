"""Notes of an audit: properties of the data and of the tests that affect how figures are read."""

from __future__ import annotations

from labkit.audit.classes import ONE_RUN
from labkit.audit.evidence import Evidence


def notes_of(evidence: Evidence) -> tuple[str, ...]:
    """Return the notes of a split and of the tests that were made on it.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    tuple of str
    """
    counts = evidence.split.class_counts()
    if evidence.task == "multilabel":
        empty = int((counts == 0).sum())
        return (*evidence.split.notes, *([f"{empty:,} of {len(counts):,} classes have no positive example"] if empty else []))
    empty_classes = [
        f"class {name!r} has no example: its figures are NaN and it is not tested" for name in counts.index[counts == 0]
    ]
    single = (
        [f"every example is of class {counts.idxmax()!r}: the audit says nothing about the others"]
        if (counts > 0).sum() == 1
        else []
    )
    compared = [] if evidence.reference_logits is None else [ONE_RUN]
    groups = () if evidence.groups is None else evidence.groups.notes
    return (*evidence.split.notes, *empty_classes, *single, *compared, *groups)
