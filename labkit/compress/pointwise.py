"""Layers that multiply the channels of every place by one matrix: linear layers, and convolutions with a kernel of one place."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def is_pointwise(layer: nn.Module) -> bool:
    """Return whether a convolution is a linear layer over channels.

    Parameters
    ----------
    layer : nn.Module

    Returns
    -------
    bool
        True for kernels of one place, without stride, padding or groups.

    Examples
    --------
    >>> is_pointwise(nn.Conv2d(4, 8, 1)), is_pointwise(nn.Conv2d(4, 8, 3)), is_pointwise(nn.Linear(4, 8))
    (True, False, False)
    """
    if not isinstance(layer, CONVOLUTIONS) or isinstance(layer, _ConvTransposeNd):
        return False
    padded = layer.padding not in ("same", "valid") and any(layer.padding)  # one place needs none of either
    return layer.groups == 1 and not padded and set(layer.kernel_size) == {1} and set(layer.stride) == {1}


def sides(layer: Any) -> tuple[int, int]:
    """Return the number of inputs and of outputs of a linear layer or a convolution of one place."""
    return (layer.in_channels, layer.out_channels) if is_pointwise(layer) else (layer.in_features, layer.out_features)


def spatial_of(layer: nn.Module) -> int:
    """Return how many axes follow that of the channels: 0 for a linear layer, 2 for nn.Conv2d."""
    return len(layer.kernel_size) if isinstance(layer, CONVOLUTIONS) else 0


def channels_last(layer: nn.Module, x: Tensor) -> Tensor:
    """Return the inputs of a layer with the channels in the last axis."""
    return x.movedim(-1 - spatial_of(layer), -1)
