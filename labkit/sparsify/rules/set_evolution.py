"""SET: the smallest weights are dropped, connections drawn at random are added."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.sparsify.rule import Rule, register_rule
from labkit.sparsify.selection import largest
from labkit.sparsify.update_rule import UpdateRule, View


class SET(UpdateRule):
    """Sparse evolutionary training."""

    def update(self, view: View) -> Tensor:
        count = int(view.mask.sum())
        kept = largest(view.weight.abs().masked_fill(~view.mask, -1.0), count - int(view.share * count))
        # drawn on the CPU, so that every device and every process of a group draws the same
        score = torch.rand(view.mask.shape, generator=view.generator).to(view.mask.device)
        return kept | largest(score.masked_fill(kept, -1.0), count - int(kept.sum()))


register_rule(
    Rule(
        name="set",
        title="Sparse evolutionary training (SET)",
        paper="Mocanu et al., Scalable training of artificial neural networks with adaptive sparse connectivity, 2018",
        make=SET,
        watch="SET adds connections at random, so new ones are spread evenly over the layer.",
    )
)
