"""RigL: the smallest links go, those of largest gradient come, anywhere in the layer."""

from __future__ import annotations

from torch import Tensor

from labkit.sparsify.fan_in import largest
from labkit.sparsify.rules import View


class RigL:
    """Rigging the lottery."""

    name, title = "rigl", "RigL"
    paper = "Evci et al., Rigging the lottery: making all tickets winners, ICML 2020"
    needs_gradient, starts_dense, by_row = True, False, False

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest(score, view.nonzeros)

    def update(self, view: View) -> Tensor:
        count = int(view.mask.sum())
        kept = largest(view.weight.abs().masked_fill(~view.mask, -1.0), count - int(view.share * count))
        return kept | largest(view.slope().abs().masked_fill(kept, -1.0), count - int(kept.sum()))
