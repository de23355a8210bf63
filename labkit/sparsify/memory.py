"""Bytes that a sparse training holds from step to step."""

from __future__ import annotations

import torch
from torch import nn

from labkit.cost import bytes_by_kind
from labkit.sparsify.masked import MaskedLayer
from labkit.sparsify.sparsifier import Sparsifier


def training_bytes(model: nn.Module, sparsifier: Sparsifier, optimizer: torch.optim.Optimizer) -> dict[str, int]:
    """Return the bytes of weights, indices, masks, gradients and moments.

    Parameters
    ----------
    model : nn.Module
        After at least one step, so that gradients and moments exist.
    sparsifier : Sparsifier
        Of the model.
    optimizer : torch.optim.Optimizer
        Of the parameters of the model.

    Returns
    -------
    dict of str to int
        Keys weights (with biases), indices, masks (of masked storage), gradients, moments.

    Examples
    --------
    >>> from labkit.sparsify import rigl
    >>> model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4))
    >>> sparsifier = rigl(model, 0.5, total_steps=100)
    >>> training_bytes(model, sparsifier, torch.optim.SGD(model.parameters(), lr=0.1))
    {'weights': 4016, 'indices': 0, 'masks': 1920, 'gradients': 0, 'moments': 0}
    """
    size = bytes_by_kind(model)
    masked = [layer for layer in sparsifier.layers.values() if isinstance(layer, MaskedLayer)]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    moments = [entry for state in optimizer.state.values() for entry in state.values() if isinstance(entry, torch.Tensor)]
    return {
        "weights": int(size["values"]),
        "indices": int(size["indices"]),
        "masks": sum(layer.mask.nbytes + layer.explored.nbytes for layer in masked),
        "gradients": sum(gradient.nbytes for gradient in gradients),
        "moments": sum(moment.nbytes for moment in moments),
    }
