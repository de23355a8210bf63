"""N of every M neighbouring inputs, e.g. 2:4 as GPUs multiply fast: constant fan-in in small groups."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from labkit.sparsify.fan_in import largest_of_rows
from labkit.sparsify.rules import View
from labkit.sparsify.srigl import SRigLNoAblation


class NOfM:
    """N links in every group of M inputs, rewired by magnitude and gradient within their group."""

    name, title = "n_of_m", "N:M sparsity"
    paper = "Mishra et al., Accelerating sparse deep neural networks, 2021 (the pattern), rewired as RigL"
    needs_gradient, starts_dense, by_row = True, False, True

    def __init__(self, n: int, m: int) -> None:
        if not 1 <= n < m:
            raise ValueError(f"n must lie between 1 and m - 1, got n={n} and m={m}; 2:4 keeps two of four inputs")
        self.n, self.m = n, m
        self._within = SRigLNoAblation()

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest_of_rows(score.reshape(self._grouped(view).mask.shape), self.n).view_as(view.mask)

    def update(self, view: View) -> Tensor:
        return self._within.update(self._grouped(view)).view_as(view.mask)

    def _grouped(self, view: View) -> View:
        """The layer with a row for each group."""
        inputs = view.mask.shape[1]
        if inputs % self.m:
            raise ValueError(f"a layer with {inputs} inputs has no whole groups of {self.m}; leave it out or choose another m")
        mask = view.mask.reshape(-1, self.m)
        gradient = None if view.gradient is None else view.gradient.reshape(-1, self.m)
        return replace(view, weight=view.weight.reshape(-1, self.m), gradient=gradient, mask=mask, nonzeros=len(mask) * self.n)
