"""Gradual magnitude pruning: dense at first, the smallest weights are removed along a cubic schedule."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.schedule import Schedule, cubic_sparsity
from labkit.sparsify.selection import largest
from labkit.sparsify.update_rule import UpdateRule, View


class GMP(UpdateRule):
    """Gradual magnitude pruning.

    Parameters
    ----------
    end : int, optional
        Step at which the final sparsity is reached; by default the last update of the schedule.
    begin : int
        Step until which nothing is pruned.
    """

    starts_dense = True

    def __init__(self, end: int | None = None, begin: int = 0) -> None:
        self.begin, self.end = begin, end

    def start(self, schedule: Schedule) -> None:
        if self.end is not None:
            return
        last = (schedule.end - 1) // schedule.every * schedule.every
        if last < 1:
            raise ValueError(f"update_every={schedule.every} leaves no update before step {schedule.end}; give a smaller one")
        self.end = last

    def initial(self, view: View, score: Tensor) -> Tensor:
        return torch.ones_like(view.mask)

    def update(self, view: View) -> Tensor:
        if self.end is None:
            raise ValueError("GMP does not know when to reach its sparsity; give end= or call start(schedule) first")
        total = view.mask.numel()
        final = 1 - view.nonzeros / total
        sparsity = cubic_sparsity(view.step, begin=self.begin, end=self.end, final=final)
        count = view.nonzeros if view.step >= self.end else max(view.nonzeros, round((1 - sparsity) * total))
        return largest(view.weight.abs().masked_fill(~view.mask, -1.0), count) & view.mask


register_rule(
    Rule(
        name="gmp",
        title="Gradual magnitude pruning",
        paper="Zhu & Gupta, To prune, or not to prune, 2017",
        make=GMP,
        watch="GMP begins with every connection and removes the smallest weights.",
    )
)
