"""What a reference model's file states: its architecture and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from labkit.training import Augment


@dataclass(frozen=True)
class Recipe:
    """A reference network and the training that made its weights.

    Attributes
    ----------
    name, title : str
    data : str
        A name that `labkit.data.load` knows.
    shape : tuple of int
        Of one input, without the batch.
    build : callable () -> nn.Module
        Untrained network, normalisation first.
    epochs, batch_size, seed : int
    optimizer : callable (model) -> torch optimizer
    warmup : float
        Share of the steps with a rising learning rate; a cosine follows.
    augment : callable, optional
        Applied to image batches; the last `plain_epochs` epochs go without.
    clip_norm, label_smoothing : float
    channels_last : bool
        Memory format during training; convolutions on CPUs run 10 to 35 % faster with it.
    wants : float
        Test accuracy below which the weights should not be shipped.
    """

    name: str
    title: str
    data: str
    shape: tuple[int, ...]
    build: Callable[[], nn.Module]
    epochs: int
    batch_size: int
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    wants: float
    seed: int = 0
    warmup: float = 0.0
    augment: Augment | None = None
    plain_epochs: int = 0
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    channels_last: bool = False
