"""Time of one example and throughput of a batch, both relative to the uncompressed network.

Milliseconds hold for one machine and one moment, and a busy minute makes any network look slow. The networks are timed in turns
instead, so that their ratio stays; it is what tables, cards, limits and figures show. `Audit.cost` has the milliseconds, with
machine and date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from labkit.audit.evidence import Evidence
from labkit.audit.measure import Column, Limit, Measure, Value, register_measure
from labkit.audit.measures.costs import TASKS
from labkit.registry import Param

LATENCY, THROUGHPUT = "latency_ratio", "throughput_ratio"
EVEN = 1.25  # an interval of ratios up to this one says that two speeds are about the same


def latency(evidence: Evidence) -> dict[str, float | Value]:
    """Return the ratio to the latency of the reference with its interval, and the median in milliseconds; nothing if untimed."""
    timing = None if evidence.cost is None else evidence.cost.latency
    if timing is None:
        return {}
    own: dict[str, float | Value] = {"latency_ms": timing.median}
    if timing.ratio is None:
        return own
    # the ratios of timings are speed-ups; the summary has this model over the reference, as for every cost
    low, high = (None if limit is None else 1 / limit for limit in (timing.interval_high, timing.interval_low))
    return own | {LATENCY: Value(1 / timing.ratio, low, high)}


def throughput(evidence: Evidence) -> dict[str, Value]:
    """Return the throughput over that of the reference, with its interval; nothing if untimed."""
    timing = None if evidence.cost is None else evidence.cost.throughput
    if timing is None or timing.ratio is None:
        return {}
    return {THROUGHPUT: Value(timing.ratio, timing.interval_low, timing.interval_high)}


def certain(figures: Mapping[str, float], key: str) -> bool:
    """Whether the interval of a ratio is known and leaves out 1.

    Parameters
    ----------
    figures : mapping of str to float
        `Audit.summary`.
    key : str
        Of the ratio.

    Returns
    -------
    bool
    """
    low, high = figures.get(f"{key}_low"), figures.get(f"{key}_high")
    return low is not None and high is not None and bool(low > 1 or high < 1)  # NaN is neither


def untold(low: float, high: float) -> str:
    """Return what an interval that holds 1 says: a narrow one that there is hardly a difference, a wide one nothing.

    Parameters
    ----------
    low, high : float

    Returns
    -------
    str
    """
    return "about the same speed" if low >= 1 / EVEN and high <= EVEN else "cannot tell"


def _delta(key: str, said: Callable[[float, float], str], faster: Callable[[float], bool]) -> Callable:
    def delta(figures: Mapping[str, float]) -> tuple[str, str]:
        if key not in figures:
            return "", "neutral"
        low, high = figures.get(f"{key}_low"), figures.get(f"{key}_high")
        if low is None or high is None or low != low or high != high:
            return "of uncompressed; cannot tell without an interval", "neutral"
        if not certain(figures, key):
            return f"{said(low, high)} of uncompressed: {untold(low, high)}", "neutral"
        return f"{said(low, high)} of uncompressed", "good" if faster(figures[key]) else "bad"

    return delta


def _even(key: str) -> Callable[[pd.DataFrame], dict[str, float]]:
    """Return the figures of the reference: its ratio to itself. Milliseconds of several sittings have no common value."""

    def reference(runs: pd.DataFrame) -> dict[str, float]:
        return {key: 1.0, f"{key}_low": 1.0, f"{key}_high": 1.0} if key in runs and runs[key].notna().any() else {}

    return reference


def _tested(figures: str) -> str:
    return f"{figures}, timed in turns, with the 95 % interval; where it holds 1, the two cannot be told apart."


register_measure(
    Measure(
        LATENCY,
        "latency",
        better="lower",
        format="share",
        help=_tested("Time for one example relative to the uncompressed network"),
        limit=Limit(
            Param(5.0, 200.0, 200.0, step=5.0),
            title="latency at most",
            unit="%",
            scale=100,
            said="at most {} % of the latency",
        ),
        compute=latency,
        needs=("cost",),
        tasks=TASKS,
        delta=_delta(LATENCY, lambda low, high: f"{100 * low:.0f} to {100 * high:.0f} %", lambda ratio: ratio < 1),
        columns=(
            Column(LATENCY, "latency", "share", "One example, relative to the uncompressed network", short=True, interval=True),
        ),
        reference=_even(LATENCY),
        repeatable=False,
    )
)
register_measure(
    Measure(
        THROUGHPUT,
        "throughput",
        better="higher",
        format="times",
        help=_tested("Examples a second in batches over those of the uncompressed network"),
        compute=throughput,
        needs=("cost",),
        tasks=TASKS,
        delta=_delta(THROUGHPUT, lambda low, high: f"{low:.2f} to {high:.2f}x", lambda ratio: ratio > 1),
        columns=(
            Column(THROUGHPUT, "throughput", "times", "Batches, relative to the uncompressed network", short=True, interval=True),
        ),
        reference=_even(THROUGHPUT),
        repeatable=False,
    )
)
