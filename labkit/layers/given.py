"""The weight of a layer that another one is made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def finite_weight(layer: Any) -> Tensor:
    """Return the weight of a dense layer, detached.

    Parameters
    ----------
    layer : nn.Module
        A linear layer or a convolution.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        For NaN or infinite values, of which no layer with fewer numbers can be made, and for a weight without values.
    """
    weight: Tensor = layer.weight.detach()
    if weight.is_meta:
        raise ValueError(f"the weight of this {type(layer).__name__} is on the device meta, without values; load its weights first")
    if weight.is_floating_point() and not torch.isfinite(weight).all():
        raise ValueError(
            f"the weight of this {type(layer).__name__} has NaN or infinite values; give a layer of a completed training"
        )
    return weight
