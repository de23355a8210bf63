"""First weights of a sparse layer."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def initialise(weight: Tensor, mask: Tensor, generator: torch.Generator) -> None:
    """Draw the linked weights of each output from a normal distribution of variance 2 / (its number of links), in place.

    The variance of He et al. 2015 for the links that are there (Evci et al., Gradient flow in sparse neural networks, 2022); the
    official code of SRigL has a standard deviation of that size instead (spec 2.3).
    """
    rows = weight.reshape(len(weight), -1)
    links = mask.reshape(rows.shape).sum(1, keepdim=True).clamp(min=1)
    drawn = torch.randn(rows.shape, generator=generator).to(weight) * (2 / links).sqrt()
    weight.copy_((drawn * mask.reshape(rows.shape)).view_as(weight))
