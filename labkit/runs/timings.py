"""Times of stored runs: in milliseconds with machine and date, and of one run relative to another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labkit.audit.measures.latency import untold
from labkit.cost import Cost
from labkit.runs.checking import MOST_AUDIT, read_json

if TYPE_CHECKING:
    from labkit.audit import Audit
    from labkit.runs.library import Library
    from labkit.runs.run import Run


def timing_notes(shelf: Library, runs: Iterable[str]) -> dict[str, str]:
    """Return the times of runs as they were measured, e.g. to show them when the mouse is over a ratio.

    Parameters
    ----------
    shelf : Library
    runs : iterable of str
        Ids.

    Returns
    -------
    dict of str to str
        E.g. "1.23 ms for one example, 4,500 examples a second in batches of 32 (AMD EPYC, 2 threads, 2026-11-28)"; "" for a run
        that was not timed.
    """
    return {run: _note(shelf._run(run)) for run in runs}


def _note(run: Run) -> str:
    try:
        facts = read_json(run.folder / "audit.json", MOST_AUDIT)["cost"]
        return "" if facts is None else _said(Cost.from_dict(facts), run)
    except Exception:  # damaged in whichever way: said where the run is read as a whole
        return ""


def _said(price: Cost, run: Run) -> str:
    if price.latency is None:
        return ""
    timing, batches = price.latency, price.throughput
    said = f"{timing.median:.3g} ms for one example"
    if batches is not None:
        said += f", {batches.per_second:,.0f} examples a second in batches of {batches.batch}"
    threads = f"{timing.threads} thread{'' if timing.threads == 1 else 's'}"
    return f"{said} ({timing.machine or 'machine not recorded'}, {threads}, {(timing.measured or run.created)[:10]})"


@dataclass(frozen=True)
class SpeedChange:
    """The time of one run over that of another, each timed beside the same reference.

    Attributes
    ----------
    ratio, low, high : float
        Of the second to the first, with its interval; NaN where it cannot be told.
    reason : str
        Why it cannot be told; "" where it can.
    """

    ratio: float
    low: float
    high: float
    reason: str = ""

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 1."""
        return bool(self.low > 1 or self.high < 1)

    def __str__(self) -> str:
        if self.reason:
            return f"cannot tell: {self.reason}"
        said = f"{100 * self.ratio:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f} %)"
        return said if self.certain else f"{said}: {untold(self.low, self.high)}"


def speed_change(a: Audit, b: Audit, key: str = "latency_ratio") -> SpeedChange:
    """Compare two runs by their ratios to the reference, which both were timed beside.

    Times of two sittings cannot be divided by each other; ratios can, where machine and threads were the same. The interval
    is that of a ratio of two independent ratios: on the logarithmic scale the distances to the ends add up in squares.

    Parameters
    ----------
    a, b : Audit
        Of the same reference network.
    key : {"latency_ratio", "throughput_ratio"}

    Returns
    -------
    SpeedChange
        ``b`` over ``a``.
    """
    reason = _untold(a, b, key)
    if reason:
        return SpeedChange(np.nan, np.nan, np.nan, reason)
    (low_a, value_a, high_a), (low_b, value_b, high_b) = (
        np.log([audit.summary[name] for name in (f"{key}_low", key, f"{key}_high")]) for audit in (a, b)
    )
    middle = value_b - value_a
    down, up = np.hypot(value_b - low_b, high_a - value_a), np.hypot(high_b - value_b, value_a - low_a)
    ratio, low, high = (float(np.exp(value)) for value in (middle, middle - down, middle + up))
    return SpeedChange(ratio, low, high)


def _untold(a: Audit, b: Audit, key: str) -> str:
    names = (key, f"{key}_low", f"{key}_high")
    for which, audit in (("first", a), ("second", b)):
        known = [audit.summary.get(name, np.nan) for name in names]
        if known[0] != known[0]:
            return f"the {which} run was not timed beside a reference"
        if any(value != value for value in known):
            return f"the {which} run was stored without the interval of its ratio"
    if a.reference_sha != b.reference_sha:
        return "the two runs were timed beside different reference networks"
    first, second = (None if audit.cost is None else audit.cost.latency for audit in (a, b))
    if first is not None and second is not None and (first.machine, first.threads) != (second.machine, second.threads):
        return f"they were timed on {_where(first)} and on {_where(second)}"
    return ""


def _where(timing: object) -> str:
    return f"{getattr(timing, 'machine', '') or 'an unknown machine'} with {getattr(timing, 'threads', '?')} threads"
