"""Learning-rate schedule and parameter groups."""

from __future__ import annotations

import math

import torch


def warmup_cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: float = 0.0) -> torch.optim.lr_scheduler.LambdaLR:
    """Make a schedule with linear warmup and cosine decay to zero.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its learning rate is the maximum.
    steps : int
        Total steps; the scheduler steps once per batch.
    warmup : float
        Fraction of the steps with a rising learning rate.

    Returns
    -------
    LambdaLR
        The scheduler.

    References
    ----------
    Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017, equation 5.
    """
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def decay_matrices_only(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Make parameter groups with weight decay on matrices and kernels only.

    Parameters
    ----------
    model : nn.Module
        The model.
    weight_decay : float
        Weight decay of parameters with two or more axes, except position embeddings.

    Returns
    -------
    list of dict
        Two groups for an optimizer; biases, norms and position embeddings have no decay.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in named if p.ndim < 2 or name.endswith("pos_embed")]
    decayed = [p for name, p in named if p.ndim >= 2 and not name.endswith("pos_embed")]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
