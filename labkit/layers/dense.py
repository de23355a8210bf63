"""A dense layer with given weights."""

from __future__ import annotations

from torch import Tensor, nn


def dense_linear(weight: Tensor, bias: Tensor | None, *, training: bool) -> nn.Linear:
    """Return an nn.Linear with this weight [out, in] and a copy of this bias [out]; no weight is drawn at random first."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear.train(training)
