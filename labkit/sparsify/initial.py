"""Initial weights of a sparse layer."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def initialise(weight: Tensor, mask: Tensor, generator: torch.Generator) -> None:
    """Draw the connected weights of each output from a normal distribution of variance 2 / fan-in, in place.

    This is the initialisation of He et al. 2015 with the fan-in of the sparse layer (Evci et al., Gradient flow in sparse neural
    networks and how lottery tickets win, 2022); the official code of SRigL uses 2 / fan-in as the standard deviation.
    """
    rows = weight.reshape(len(weight), -1)
    fan_in = mask.reshape(rows.shape).sum(1, keepdim=True).clamp(min=1)
    drawn = torch.randn(rows.shape, generator=generator).to(weight) * (2 / fan_in).sqrt()
    weight.copy_((drawn * mask.reshape(rows.shape)).view_as(weight))
