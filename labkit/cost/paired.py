"""The ratio of two times that were measured in turns, and its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCKS = 30  # at most; neighbouring rounds share the load of the machine, blocks hardly do
LEAST = 6  # rounds; of 5 values even the whole range holds the median with 93.75 % only
LAYOUT = 0.02  # two copies of one small network may differ by this much, by where their weights lie in memory


@dataclass(frozen=True)
class PairedRatio:
    """A ratio with its quartiles and its interval.

    Attributes
    ----------
    value : float
        Median of the ratios.
    quartiles : (float, float)
        Of the ratios.
    low, high : float
        Confidence interval of the median.
    """

    value: float
    quartiles: tuple[float, float]
    low: float
    high: float


def paired_ratio(times: np.ndarray, level: float = 0.95) -> PairedRatio:
    """Return how many times longer the second of two alternating passes takes than the first.

    From 12 rounds on, each round is averaged with the next, which ran in reverse order, so that a cost of running second cancels.
    These ratios are put into at most 30 consecutive blocks. The interval is that of the sign test for the median of the blocks'
    medians: two of their order statistics, which needs neither a distribution nor equal variances. Blocks, because load comes
    in bursts: neighbouring rounds are no independent observations. The interval reaches at least 2 % to either side, as two copies
    of one network may differ by that much, by their places in memory.

    Parameters
    ----------
    times : float [rounds, 2]
        Seconds; odd rounds ran in reverse order.
    level : float
        Confidence.

    Returns
    -------
    PairedRatio

    Raises
    ------
    ValueError
        With fewer than 6 rounds.

    Examples
    --------
    >>> found = paired_ratio(np.array([[1.0, 2.0]] * 40))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (2.0, 1.961, 2.04)
    """
    if len(times) < LEAST:
        raise ValueError(f"an interval needs at least {LEAST} rounds, got {len(times)}; time more")
    logs = np.log(times[:, 1] / times[:, 0])
    if len(logs) >= 2 * LEAST:
        even = len(logs) // 2 * 2
        logs = logs[:even].reshape(-1, 2).mean(axis=1)
    blocks = np.sort([np.median(part) for part in np.array_split(logs, min(len(logs), BLOCKS))])
    middle = float(np.median(logs))
    rank = _rank(len(blocks), level)
    low = min(blocks[rank], middle - np.log1p(LAYOUT))
    high = max(blocks[-1 - rank], middle + np.log1p(LAYOUT))
    first, third = np.percentile(logs, (25, 75))
    return PairedRatio(
        value=float(np.exp(middle)),
        quartiles=(float(np.exp(first)), float(np.exp(third))),
        low=float(np.exp(low)),
        high=float(np.exp(high)),
    )


def _rank(count: int, level: float) -> int:
    """Return the largest r for which the order statistics r and count - 1 - r hold the median with `level`."""
    from scipy.stats import binom  # imported here: it takes a third of a second

    rank = 0
    while 2 * binom.cdf(rank + 1, count, 0.5) <= 1 - level:
        rank += 1
    return rank
