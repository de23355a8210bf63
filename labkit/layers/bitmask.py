"""A sparse linear layer of any pattern: a bit for each place and a value for each link, the smallest form up to 95 % zeros."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.dense import dense_linear


def packed_bits(mask: Tensor) -> Tensor:
    """Return the bits of bool [N, D] as uint8 [N, ceil(D / 8)], the first place in the lowest bit."""
    rows, width = mask.shape
    padded = torch.zeros(rows, -(-width // 8) * 8, dtype=torch.uint8, device=mask.device)
    padded[:, :width] = mask
    return (padded.view(rows, -1, 8) << _places(mask)).sum(2, dtype=torch.uint8)


def unpacked_bits(bits: Tensor, width: int) -> Tensor:
    """Return the bool [N, width] whose `packed_bits` are given."""
    return ((bits[:, :, None] >> _places(bits)) & 1).flatten(1)[:, :width].bool()


def _places(like: Tensor) -> Tensor:
    return torch.arange(8, dtype=torch.uint8, device=like.device)


def _is_plain(values: Tensor) -> bool:
    """Whether numbers in memory are all that matters: on the processor, outside of autograd and of tracing."""
    learns = torch.is_grad_enabled() and values.requires_grad
    numbers = type(values) is nn.Parameter and values.is_floating_point() and values.element_size() > 1
    return numbers and values.device.type == "cpu" and not learns and not torch.compiler.is_compiling()


class BitmaskLinear(nn.Module):
    """Drop-in for nn.Linear that keeps its nonzero weights and one bit a place; it is spread out for each call.

    Parameters
    ----------
    weight : Tensor [out_features, in_features]
        Its zeros are where there is no link.
    bias : Tensor [out_features], optional

    Raises
    ------
    ValueError
        On other shapes.

    Examples
    --------
    >>> BitmaskLinear(torch.eye(4))
    BitmaskLinear(in_features=4, out_features=4, links=4, bias=False)
    """

    pattern: Tensor
    storage_kinds: ClassVar[dict[str, str]] = {"pattern": "masks"}  # how `labkit.cost` books it

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        if weight.ndim != 2:
            raise ValueError(f"weight must have shape [outputs, inputs], got {list(weight.shape)}")
        if bias is not None and list(bias.shape) != [len(weight)]:
            raise ValueError(f"bias must have shape [{len(weight)}], got {list(bias.shape)}")
        self.out_features, self.in_features = weight.shape
        mask = weight.detach() != 0
        self.values = nn.Parameter(weight.detach()[mask].clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.register_buffer("pattern", packed_bits(mask))

    @classmethod
    def from_dense(cls, linear: nn.Linear, *, sparsity: float) -> BitmaskLinear:
        """Keep a share of ``1 - sparsity`` of the weights, those of largest magnitude wherever they are.

        Raises
        ------
        ValueError
            When the sparsity is not in [0, 1).
        """
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.9 keeps a tenth of the weights")
        weight = linear.weight.detach()
        links = max(1, round(weight.numel() * (1 - sparsity)))
        kept = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
        kept[weight.abs().flatten().topk(links, sorted=False).indices] = True
        return cls(weight * kept.view_as(weight), linear.bias).train(linear.training)

    def dense(self) -> Tensor:
        """Return the weight [out_features, in_features], differentiable with respect to the values."""
        if _is_plain(self.values):
            from labkit.kernels.bits import spread  # numba loads when it is needed

            return spread(self.values, self.pattern, self.in_features)
        mask = unpacked_bits(self.pattern, self.in_features)
        return self.values.new_zeros(mask.shape).masked_scatter(mask, self.values)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.dense(), self.bias)

    def to_dense(self) -> nn.Linear:
        """Return an nn.Linear with the same outputs."""
        return dense_linear(self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        shape = {"in_features": self.in_features, "out_features": self.out_features, "links": self.values.numel()}
        return {**shape, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, links: int, bias: bool) -> BitmaskLinear:
        """Build an empty layer of the shape that `spec` describes."""
        weight = torch.zeros(out_features, in_features)
        weight.view(-1)[:links] = 1.0
        return cls(weight, torch.zeros(out_features) if bias else None)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, links={self.values.numel()}, "
            f"bias={self.bias is not None}"
        )
