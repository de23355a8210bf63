"""Outputs of a model on a whole split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from labkit.data import Split


def predict(model: nn.Module, split: Split, *, batch_size: int = 250) -> np.ndarray:
    """Compute the outputs of a model on a split, in eval mode.

    Parameters
    ----------
    model : nn.Module
        The model; its mode is restored. Inputs are moved to the device of its first parameter.
    split : Split
        Single- or multi-label data.
    batch_size : int
        Examples per pass.

    Returns
    -------
    float32 array [N, classes]
        Logits.
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
    """Compute the accuracy of a model on a split.

    Parameters
    ----------
    model : nn.Module
        The model.
    split : Split
        Single-label data.

    Returns
    -------
    float
        Fraction of correct predictions.
    """
    return float(np.mean(predict(model, split).argmax(1) == split.labels))
