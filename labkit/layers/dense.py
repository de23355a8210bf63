"""A dense layer from given tensors."""

from __future__ import annotations

from torch import Tensor, nn


def dense_linear(weight: Tensor, bias: Tensor | None, *, training: bool) -> nn.Linear:
    """Build an nn.Linear from tensors, without random initialisation.

    Parameters
    ----------
    weight : Tensor [out_features, in_features]
        Used without a copy.
    bias : Tensor [out_features] or None
        Copied.
    training : bool
        Mode of the layer.

    Returns
    -------
    nn.Linear
        With these parameters.
    """
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear.train(training)
