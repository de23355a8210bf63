"""SET: the smallest links go, random ones come."""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.sparsify.fan_in import largest
from labkit.sparsify.rules import View


class SET:
    """Sparse evolutionary training."""

    name, title = "set", "Sparse evolutionary training (SET)"
    paper = "Mocanu et al., Scalable training of artificial neural networks with adaptive sparse connectivity, 2018"
    needs_gradient = starts_dense = by_row = False

    def initial(self, view: View, score: Tensor) -> Tensor:
        return largest(score, view.nonzeros)

    def update(self, view: View) -> Tensor:
        count = int(view.mask.sum())
        kept = largest(view.weight.abs().masked_fill(~view.mask, -1.0), count - int(view.share * count))
        # drawn on the processor, so that every device and every process of a group draws the same
        score = torch.rand(view.mask.shape, generator=view.generator).to(view.mask.device)
        return kept | largest(score.masked_fill(kept, -1.0), count - int(kept.sum()))
