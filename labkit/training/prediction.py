"""Outputs of a model on a whole split, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from labkit.data import Split


def predict(model: nn.Module, split: Split, *, batch_size: int = 250) -> np.ndarray:
    """Return the logits of `model` on `split`, float32 [N, classes].

    The model is put into eval mode for the pass and back afterwards; its device is found by its first parameter.
    """
    was_training = model.training
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    model.eval()
    try:
        with torch.inference_mode():
            parts = [
                model(split.inputs(slice(start, start + batch_size)).to(device)).float().cpu().numpy()
                for start in range(0, len(split), batch_size)
            ]
    finally:
        model.train(was_training)
    return np.concatenate(parts)


def accuracy(model: nn.Module, split: Split) -> float:
    """Return the share of a split that `model` gets right."""
    return float(np.mean(predict(model, split).argmax(1) == split.labels))
