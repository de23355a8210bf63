"""Outputs of a model on a whole split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from labkit.forwarding import fitted, running
from labkit.training.outputs import logits_of
from labkit.untouched import untouched

if TYPE_CHECKING:
    from labkit.data import Split


def predict(model: nn.Module, split: Split, *, batch_size: int = 250) -> np.ndarray:
    """Compute the outputs of a model on a split, in eval mode.

    Parameters
    ----------
    model : nn.Module
        Left as it was, see `labkit.untouched.untouched`. Inputs are moved to the device of its first parameter, and cast to the
        dtype of its first floating parameter if it does not take them as they are. It returns logits, or a tuple or dict with
        them (`labkit.training.logits_of`).
    split : Split
        Single- or multi-label data.
    batch_size : int
        Examples per pass.

    Returns
    -------
    float array [N, classes]
        Logits: float64 of a float64 network, float32 of all others.

    Raises
    ------
    ValueError
        When the model raises an error for the inputs, or does not return one row of logits for each example.
    TypeError
        When it returns neither a tensor nor a tuple or dict with logits.
    """
    device = device_of(model)
    parts: list[np.ndarray] = []
    dtype: torch.dtype | None = None
    with untouched(model):
        for start in range(0, len(split), batch_size):
            x = split.inputs(slice(start, start + batch_size)).to(device)
            dtype = fitted(model, x).dtype if dtype is None else dtype
            with running("the model", x[:1], "this split's examples"):
                output = model(x.to(dtype))
            parts.append(_rows(logits_of(output, "the model"), len(x)))
    return np.concatenate(parts)


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter or buffer, else the processor.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    torch.device
    """
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def as_array(logits: torch.Tensor) -> np.ndarray:
    """Return logits as an array: float64 as it is, every other dtype as float32.

    Parameters
    ----------
    logits : Tensor

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        For a tensor without values.
    TypeError
        For complex numbers.
    """
    if logits.device.type == "meta":
        raise ValueError("the model is on the meta device, without values; load its weights first, e.g. with model.to_empty")
    if logits.is_complex():
        raise TypeError("the model returns complex numbers; return real logits, e.g. their absolute values")
    plain = logits.dequantize() if logits.is_quantized else logits
    plain = plain.detach()
    return (plain if plain.dtype == torch.float64 else plain.float()).cpu().numpy()


def _rows(logits: torch.Tensor, examples: int) -> np.ndarray:
    if logits.ndim == 0 or len(logits) != examples:
        raise ValueError(
            f"the model returns shape {list(logits.shape)} for {examples} examples; it must return one row of logits for each"
        )
    return as_array(logits)


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
