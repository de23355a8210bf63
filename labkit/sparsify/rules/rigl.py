"""RigL: the smallest weights are dropped, connections of largest gradient are added, anywhere in the layer."""

from __future__ import annotations

from torch import Tensor

from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.selection import largest
from labkit.sparsify.update_rule import UpdateRule, View


class RigL(UpdateRule):
    """Rigging the lottery (Evci et al. 2020, algorithm 1)."""

    needs_gradient = True

    def update(self, view: View) -> Tensor:
        count = int(view.mask.sum())
        kept = largest(view.weight.abs().masked_fill(~view.mask, -1.0), count - int(view.share * count))
        return kept | largest(view.slope().abs().masked_fill(kept, -1.0), count - int(kept.sum()))


register_rule(
    Rule(
        name="rigl",
        title="RigL",
        paper="Evci et al., Rigging the lottery: making all tickets winners, ICML 2020",
        make=RigL,
        watch="RigL adds connections where the gradient is largest, anywhere in the layer.",
    )
)
