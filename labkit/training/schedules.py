"""Learning-rate schedules as torch schedulers that step once a batch."""

from __future__ import annotations

import math

import torch


def warmup_cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: float = 0.0) -> torch.optim.lr_scheduler.LambdaLR:
    """Rise linearly over the share `warmup` of `steps`, then fall to zero along half a cosine (Loshchilov & Hutter 2017)."""
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def decay_matrices_only(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Parameter groups for an optimizer: weight decay on matrices and kernels, none on biases, norms and embeddings of position."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in named if p.ndim < 2 or name.endswith("pos_embed")]
    decayed = [p for name, p in named if p.ndim >= 2 and not name.endswith("pos_embed")]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
