"""Gradual magnitude pruning: dense at first, the smallest weights go along a cubic."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.sparsify.fan_in import largest
from labkit.sparsify.rules import View
from labkit.sparsify.schedule import cubic_sparsity


class GMP:
    """Gradual magnitude pruning.

    Parameters
    ----------
    end : int
        The step at which the final sparsity is reached.
    begin : int
        The step until which nothing is pruned.
    """

    name, title = "gmp", "Gradual magnitude pruning"
    paper = "Zhu & Gupta, To prune, or not to prune, 2017"
    needs_gradient, starts_dense, by_row = False, True, False

    def __init__(self, end: int, begin: int = 0) -> None:
        self.begin, self.end = begin, end

    def initial(self, view: View, score: Tensor) -> Tensor:
        return torch.ones_like(view.mask)

    def update(self, view: View) -> Tensor:
        total = view.mask.numel()
        final = 1 - view.nonzeros / total
        sparsity = cubic_sparsity(view.step, begin=self.begin, end=self.end, final=final)
        count = view.nonzeros if view.step >= self.end else max(view.nonzeros, round((1 - sparsity) * total))
        return largest(view.weight.abs().masked_fill(~view.mask, -1.0), count) & view.mask
