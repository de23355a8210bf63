"""Intervals and chance levels for the largest gap between groups.

A largest difference is biased upwards: under perfect parity it is never negative, and it grows with the number of groups. A plain
percentile bootstrap inherits that bias and never reaches zero. The intervals here bound all pairwise gaps at once instead: the
largest gap cannot be further off than the widest spread of the errors of the group rates. Rates vary as
Beta(hits + 1/2, misses + 1/2), so that a group with a rate of exactly 0 or 1 is not mistaken for one that is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from labkit.audit.wilson import wilson_interval

DRAWS = 2000
NUMBERS = 400_000  # drawn for one rate: thousands of groups take fewer draws, and a second instead of minutes
FEWEST = 200
SHARED = NUMBERS // DRAWS  # groups above which all metrics of a rate use the same draws


@dataclass(frozen=True)
class Rate:
    """One rate in every group where it is defined: int [groups] each, no trials zero."""

    hits: np.ndarray
    trials: np.ndarray
    _kept: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def value(self) -> np.ndarray:
        """Observed rates [groups]."""
        return self.hits / self.trials

    @property
    def smoothed(self) -> np.ndarray:
        """Rates [groups] with half an example added to hits and misses, never exactly 0 or 1."""
        return (self.hits + 0.5) / (self.trials + 1)

    @property
    def count(self) -> int:
        """How often to draw: fewer times for more than 200 groups."""
        return min(DRAWS, max(FEWEST, NUMBERS // max(len(self.hits), 1)))

    def draws(self, rng: np.random.Generator) -> np.ndarray:
        """Draw rates [draws, groups] from their Beta posteriors."""
        return self._once("draws", lambda size: rng.beta(self.hits + 0.5, self.trials - self.hits + 0.5, size))

    def chance_draws(self, rng: np.random.Generator) -> np.ndarray:
        """Draw rates [draws, groups] for groups of these sizes that all share the pooled rate."""
        pooled = self.hits.sum() / self.trials.sum()
        return self._once("chance", lambda size: rng.binomial(self.trials, pooled, size) / self.trials)

    def _once(self, name: str, draw: Callable[[tuple[int, int]], np.ndarray]) -> np.ndarray:
        """Draw afresh for every metric, but once alone where groups are many: drawing is nearly all that their intervals take."""
        size = (self.count, len(self.hits))
        if len(self.hits) <= SHARED:
            return draw(size)
        if name not in self._kept:
            self._kept[name] = draw(size)
        return self._kept[name]


def difference_interval(value: float, rates: list[Rate], level: float, rng: np.random.Generator) -> tuple[float, float]:
    """Bound the largest difference between two groups, over one rate or several."""
    errors = [np.ptp(rate.draws(rng) - rate.value, axis=1) for rate in rates if _comparable(rate)]
    if not errors:
        return value, value
    reach = float(np.quantile(_widest(errors), level))
    return max(0.0, value - reach), min(1.0, value + reach)


def ratio_interval(value: float, rates: list[Rate], level: float, rng: np.random.Generator) -> tuple[float, float]:
    """Bound the smallest ratio between two groups, on the log scale."""
    kept = [rate for rate in rates if _comparable(rate)]
    if not kept or np.isnan(value):
        return value, value
    errors = [np.ptp(np.log(rate.draws(rng)) - np.log(rate.smoothed), axis=1) for rate in kept]
    reach = float(np.exp(np.quantile(_widest(errors), level)))
    middle = min(rate.smoothed.min() / rate.smoothed.max() for rate in kept)
    return min(value, middle / reach), max(value, min(1.0, middle * reach))


def minimum_interval(rate: Rate, level: float) -> tuple[float, float]:
    """Bound the lowest group rate by Wilson limits that hold for all groups at once (Šidák)."""
    low, high = wilson_interval(rate.hits, rate.trials, level ** (1 / len(rate.hits)))
    return float(low.min()), float(high.min())


def chance_level(value: float, rates: list[Rate], rng: np.random.Generator) -> tuple[float, float]:
    """Return the expected largest difference if all groups shared the pooled rate, and the p-value of `value` under it."""
    if np.isnan(value):
        return value, value
    gaps = [np.ptp(rate.chance_draws(rng), axis=1) for rate in rates if _comparable(rate)]
    if not gaps:
        return 0.0, 1.0
    widest = _widest(gaps)
    as_wide = np.count_nonzero(widest >= value - 1e-12)  # ties count in spite of rounding
    return float(widest.mean()), (1 + as_wide) / (1 + len(widest))


def _widest(gaps: list[np.ndarray]) -> np.ndarray:
    """The widest gap over the rates, draw by draw; a rate with more defined groups may have been drawn less often."""
    draws = min(map(len, gaps))
    return np.max([gap[:draws] for gap in gaps], axis=0)


def _comparable(rate: Rate) -> bool:
    return len(rate.trials) > 1
