"""When the links of a network change, and how many of them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Every `every` steps until `until`, a share of the links that falls along a cosine.

    Attributes
    ----------
    total_steps : int
        Optimizer steps of the whole training.
    every : int
        Steps between two updates (delta T).
    until : float
        Share of the training after which the links stay as they are.
    fraction : float
        Share of the links of a layer that are replaced at the first update (alpha).

    References
    ----------
    Evci et al., Rigging the lottery, 2020, section 3: f(t) = alpha / 2 (1 + cos(pi t / T_end)).
    """

    total_steps: int
    every: int = 100
    until: float = 0.75
    fraction: float = 0.3

    def __post_init__(self) -> None:
        if self.total_steps < 1 or self.every < 1:
            raise ValueError(f"total_steps and update_every must be at least 1, got {self.total_steps} and {self.every}")
        if not 0 < self.until <= 1:
            raise ValueError(f"until must lie in (0, 1], got {self.until}; 0.75 stops after three quarters of the training")
        if not 0 < self.fraction < 1:
            raise ValueError(f"fraction must lie in (0, 1), got {self.fraction}; 0.3 replaces up to three links in ten")

    @property
    def end(self) -> int:
        """The step from which on links stay."""
        return int(self.until * self.total_steps)

    def updates_at(self, step: int) -> bool:
        """Whether links change after so many optimizer steps."""
        return step > 0 and step % self.every == 0 and step < self.end

    def share(self, step: int) -> float:
        """Share of the links that are replaced at this step."""
        return self.fraction / 2 * (1 + math.cos(math.pi * step / self.end))


def sensible_interval(steps: int, until: float = 0.75) -> int:
    """Steps between two changes of links where nobody says: 30 changes in a training, 10 to 100 steps apart, at least 3 of them."""
    changing = int(until * steps)
    return max(1, min(max(10, changing // 30), 100, changing // 3))


def cubic_sparsity(step: int, *, begin: int, end: int, final: float, initial: float = 0.0) -> float:
    """Return the sparsity of gradual magnitude pruning at a step; `final` is reached at `end` and kept.

    References
    ----------
    Zhu & Gupta, To prune, or not to prune, 2017: s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (t_n - t_0))^3.
    """
    if step <= begin:
        return initial
    if step >= end:
        return final
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3
