"""`untouched`: run a network that belongs to someone else, and leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def untouched(*models: nn.Module) -> Iterator[None]:
    """Put networks into eval mode without gradients, and restore everything that a forward pass may change.

    Restored are the mode of every submodule, ``requires_grad`` of every parameter, the values of buffers, and torch's random state
    on the processor. Gradients are off inside (``torch.no_grad``, not inference mode: a tensor that a network caches in its first
    pass stays usable for training).

    Parameters
    ----------
    *models : nn.Module

    Yields
    ------
    None

    Examples
    --------
    >>> layer = nn.Dropout()
    >>> with untouched(layer):
    ...     print(layer.training)
    False
    >>> layer.training
    True
    """
    modes = [(module, module.training) for model in models for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for model in models for parameter in model.parameters()]
    buffers = [(buffer, buffer.detach().clone()) for model in models for buffer in model.buffers()]
    for model in models:
        model.eval()
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in flags:
            if parameter.requires_grad != flag:
                parameter.requires_grad_(flag)
        with torch.no_grad():
            for buffer, before in buffers:
                if buffer.device.type != "meta" and not torch.equal(buffer, before):
                    buffer.copy_(before)
