"""`Progress`: one answer of a progressive audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from labkit.audit import Audit


class Cancel(Protocol):
    """Anything with ``is_set()``, e.g. threading.Event."""

    def is_set(self) -> bool:
        """Return whether the work is to stop."""
        ...


def cancelled(cancel: Cancel | None) -> bool:
    """Whether there is an event and it is set."""
    return cancel is not None and cancel.is_set()


def time_left(seconds: float, first: float, done: float, total: float) -> str:
    """Estimate how long the rest of a work takes, in words; "" before anything can be told.

    Parameters
    ----------
    seconds : float
        Since `first` was done.
    first, done, total : float
        Of the work: then, now, and in all.

    Returns
    -------
    str

    Examples
    --------
    >>> time_left(10, 0, 5, 20), time_left(60, 2, 3, 12), time_left(1, 0, 0, 20)
    ('about 30 s left', 'about 9 min left', '')
    """
    if done <= first or seconds <= 0:
        return ""
    rest = seconds * (total - done) / (done - first)
    return f"about {rest:.0f} s left" if rest < 90 else f"about {rest / 60:.0f} min left"


@dataclass(frozen=True)
class Progress:
    """One answer of a progressive audit.

    Parameters
    ----------
    audit : Audit
        Of the first `examples` examples of a fixed, shuffled order; its confidence intervals are as wide as that sample requires.
    examples, total : int
        Examples audited so far, and in the split.
    source : {"grid", "memory", "computed"}
    tables : mapping of str to DataFrame
        What the method's ``diagnose`` says about the compressed network; `Method.tables` names the figure of each.
    """

    audit: Audit
    examples: int
    total: int
    source: str
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether the whole split has been audited."""
        return self.examples == self.total
