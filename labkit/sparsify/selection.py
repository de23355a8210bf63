"""Selecting entries of a weight: the largest of the layer, the largest of each row."""

from __future__ import annotations

import torch
from torch import Tensor


def largest(score: Tensor, count: int) -> Tensor:
    """Return a bool tensor that is true at the `count` largest entries of `score`, ties by position."""
    chosen = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    if count > 0:
        chosen[score.flatten().topk(min(count, score.numel()), sorted=False).indices] = True
    return chosen.view_as(score)


def largest_of_rows(score: Tensor, count: int) -> Tensor:
    """Return a bool tensor [N, D] that is true at the `count` largest entries of each row."""
    return torch.zeros_like(score, dtype=torch.bool).scatter_(1, score.topk(count, dim=1, sorted=False).indices, True)


def without_excess(kept: Tensor, weight: Tensor, fan_in: int) -> Tensor:
    """Return `kept` [N, D] with at most `fan_in` entries per row, those of largest magnitude.

    The official code of SRigL drops the others by position, because it sorts the boolean row.
    """
    score = weight.abs().masked_fill(~kept, -1.0)
    return largest_of_rows(score, min(fan_in, kept.shape[1])) & kept
