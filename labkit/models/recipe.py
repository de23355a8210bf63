"""`Recipe`: architecture and training settings of a reference model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from labkit.training import Augment


@dataclass(frozen=True)
class Recipe:
    """A reference model and the training of its weights.

    Attributes
    ----------
    name, title : str
        Name and description.
    data : str
        A data set of `labkit.data.load`.
    shape : tuple of int
        Shape of one input, without the batch.
    build : callable () -> nn.Module
        Builds the untrained model, with normalisation as its first layer.
    epochs, batch_size, seed : int
        Training settings.
    optimizer : callable (model) -> torch.optim.Optimizer
        Makes the optimizer.
    min_test_accuracy : float
        Test accuracy below which the weights should not be shipped.
    warmup : float
        Fraction of the steps with a rising learning rate; cosine decay follows.
    augment : callable, optional
        Augmentation of image batches.
    plain_epochs : int
        Number of last epochs without augmentation.
    clip_norm : float, optional
        Maximum gradient norm.
    label_smoothing : float
        Of the cross entropy.
    channels_last : bool
        Memory format during training, with which convolutions on CPUs are 10 to 35 % faster.
    """

    name: str
    title: str
    data: str
    shape: tuple[int, ...]
    build: Callable[[], nn.Module]
    epochs: int
    batch_size: int
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    min_test_accuracy: float
    seed: int = 0
    warmup: float = 0.0
    augment: Augment | None = None
    plain_epochs: int = 0
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    channels_last: bool = False
