"""Normalisation as a layer, so that every model takes unnormalised inputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """Compute ``(x - mean) / std`` along dimension 1: channels of images [N, C, H, W] or columns of rows [N, D].

    Parameters
    ----------
    mean, std : sequence of C (or D) float
        Constants, stored as buffers; std must be positive.

    Raises
    ------
    ValueError
        If lengths differ or a std is not positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or min(std, default=0.0) <= 0:
            raise ValueError(f"mean and std need the same length and positive std, got {len(mean)} and {len(std)} values")
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return (x - self.mean.view(shape)) / self.std.view(shape)

    def extra_repr(self) -> str:
        return f"{len(self.mean)} channels"
