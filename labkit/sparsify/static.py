"""Links drawn at random before training, and kept."""

from __future__ import annotations

from torch import Tensor

from labkit.sparsify.fan_in import largest
from labkit.sparsify.rules import View


class Static:
    """Random links that stay."""

    name, title = "static", "Static sparse training"
    paper = "Mocanu et al., A topological insight into restricted Boltzmann machines, 2016"
    needs_gradient = starts_dense = by_row = False

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest(score, view.nonzeros)

    def update(self, view: View) -> Tensor:
        return view.mask
