"""Notes of an audit: properties of the data, of the tests and of the networks that affect how figures are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.audit.classes import ONE_RUN
from labkit.audit.evidence import Evidence
from labkit.layers import notes_of as network_notes
from labkit.words import shortly

if TYPE_CHECKING:
    from torch import nn

    from labkit.cost import Cost

# a model is called larger or slower from here on; below it the median is within what a busy machine does
NAMED = 10  # classes that notes name
LARGER = 1.0
SLOWER = 1.2
SLOW = "on this machine the network is slower than the reference"


def notes_of(evidence: Evidence) -> tuple[str, ...]:
    """Return the notes of a split, of the tests that were made on it, and of the networks.

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
        return (
            *evidence.split.notes,
            *([f"{empty:,} of {len(counts):,} classes have no positive example"] if empty else []),
            *_of_networks(evidence),
        )
    empty_classes = _of_empty(list(counts.index[counts == 0]), len(counts))
    single = (
        [f"every example is of class {counts.idxmax()!r}: the audit says nothing about the others"]
        if (counts > 0).sum() == 1
        else []
    )
    compared = [] if evidence.reference_logits is None else [ONE_RUN]
    groups = () if evidence.groups is None else evidence.groups.notes
    return (*evidence.split.notes, *empty_classes, *single, *compared, *groups, *_of_networks(evidence))


def _of_empty(names: list[str], classes: int) -> list[str]:
    """One note for each class without examples, or one for all of them where they are many."""
    if len(names) <= NAMED:
        return [f"class {name!r} has no example: its figures are NaN and it is not tested" for name in names]
    first = ", ".join(map(shortly, names[:NAMED]))
    return [f"{len(names):,} of {classes:,} classes have no example ({first}, …): their figures are NaN and they are not tested"]


def _of_networks(evidence: Evidence) -> tuple[str, ...]:
    """What compression says about its result, what the counts lack, and where the result costs more than the reference."""
    found = list(_said(evidence.model, ()))
    known = tuple(found)
    found += [f"reference: {note}" for note in _said(evidence.reference, known)]
    own, other = evidence.cost, evidence.reference_cost
    if own is not None:
        found += own.notes
        if other is not None:
            found += [f"reference: {note}" for note in other.notes if note not in own.notes]
            found += _dearer(own, other)
    return tuple(dict.fromkeys(found))


def _said(network: nn.Module | None, known: tuple[str, ...]) -> tuple[str, ...]:
    return () if network is None else tuple(note for note in network_notes(network) if note not in known)


def _dearer(own: Cost, other: Cost) -> list[str]:
    notes = []
    if other.total_bytes and own.total_bytes > LARGER * other.total_bytes:
        percent = max(100 * own.total_bytes / other.total_bytes, 100.1)
        notes.append(f"the network takes more bytes than the reference ({percent:.{1 if percent < 101 else 0}f} %)")
    return [*notes, *slower(own)]


def slower(own: Cost) -> list[str]:
    """Return the note on a network that is clearly slower than the reference it was timed beside.

    Parameters
    ----------
    own : Cost

    Returns
    -------
    list of str
        Empty or of one sentence.
    """
    timing = own.latency
    if timing is None or timing.ratio is None:
        return []
    best = timing.ratio_high if timing.interval_high is None else timing.interval_high  # of older audits the quartile
    if best is None or best >= 1 / SLOWER:
        return []
    return [f"{SLOW}: {1 / timing.ratio:.1f} times its latency for one example"]
