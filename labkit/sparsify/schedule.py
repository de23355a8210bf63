"""When the connections of a network are updated, and how many of them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Updates every `every` steps until `until`, of a fraction of the connections that decays along a cosine.

    Parameters
    ----------
    total_steps : int
        Optimizer steps of the whole training.
    every : int
        Steps between two updates (delta T).
    until : float
        Fraction of the training after which the connections stay as they are.
    fraction : float
        Fraction of the connections of a layer that are replaced at the first update (alpha).

    Raises
    ------
    ValueError
        When a value is out of range.

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
            raise ValueError(f"fraction must lie in (0, 1), got {self.fraction}; 0.3 replaces up to 30 % of the connections")

    @property
    def end(self) -> int:
        """The step from which on connections stay."""
        return int(self.until * self.total_steps)

    def updates_at(self, step: int) -> bool:
        """Return whether connections are updated at a step.

        Parameters
        ----------
        step : int
            Optimizer steps so far.

        Returns
        -------
        bool
        """
        return step > 0 and step % self.every == 0 and step < self.end

    def share(self, step: int) -> float:
        """Return the fraction of the connections that are replaced at a step.

        Parameters
        ----------
        step : int

        Returns
        -------
        float
        """
        return self.fraction / 2 * (1 + math.cos(math.pi * step / self.end))


def sensible_interval(steps: int, until: float = 0.75) -> int:
    """Return the default number of steps between two updates: 30 updates in a training, 10 to 100 steps apart, at least 3 of them.

    Parameters
    ----------
    steps : int
        Of the whole training.
    until : float
        As in `Schedule`.

    Returns
    -------
    int

    Examples
    --------
    >>> sensible_interval(4000), sensible_interval(400), sensible_interval(20)
    (100, 10, 5)
    """
    changing = int(until * steps)
    return max(1, min(max(10, changing // 30), 100, changing // 3))


def cubic_sparsity(step: int, *, begin: int, end: int, final: float, initial: float = 0.0) -> float:
    """Return the sparsity of gradual magnitude pruning at a step; `final` is reached at `end` and kept.

    Parameters
    ----------
    step : int
    begin, end : int
        First and last step of the pruning.
    final, initial : float
        Sparsity at `end` and at `begin`.

    Returns
    -------
    float

    References
    ----------
    Zhu & Gupta, To prune, or not to prune, 2017, equation 1: s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (t_n - t_0))^3.

    Examples
    --------
    >>> [round(cubic_sparsity(step, begin=0, end=100, final=0.8), 3) for step in (0, 50, 100)]
    [0.0, 0.7, 0.8]
    """
    if step <= begin:
        return initial
    if step >= end:
        return final
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3
