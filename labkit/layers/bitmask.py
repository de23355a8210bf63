"""A linear layer of unstructured sparsity: one bit per position and one value per nonzero, the smallest form up to 95 % zeros."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.kernels.bits import expand_bits
from labkit.layers.dense import dense_linear
from labkit.layers.drop_in import DenseWeight


def packed_bits(mask: Tensor) -> Tensor:
    """Pack a boolean matrix into bits.

    Parameters
    ----------
    mask : bool Tensor [N, D]
        Positions of the nonzeros.

    Returns
    -------
    uint8 Tensor [N, ceil(D / 8)]
        The first position in the lowest bit.
    """
    rows, width = mask.shape
    padded = torch.zeros(rows, -(-width // 8) * 8, dtype=torch.uint8, device=mask.device)
    padded[:, :width] = mask
    return (padded.view(rows, -1, 8) << _shifts(mask)).sum(2, dtype=torch.uint8)


def unpacked_bits(bits: Tensor, width: int) -> Tensor:
    """Invert `packed_bits`.

    Parameters
    ----------
    bits : uint8 Tensor [N, ceil(width / 8)]
        Packed bits.
    width : int
        Columns of the mask.

    Returns
    -------
    bool Tensor [N, width]
        The mask.
    """
    return ((bits[:, :, None] >> _shifts(bits)) & 1).flatten(1)[:, :width].bool()


def _shifts(like: Tensor) -> Tensor:
    return torch.arange(8, dtype=torch.uint8, device=like.device)


def _is_plain(values: Tensor) -> bool:
    """Whether the compiled kernel applies: plain CPU tensors, outside autograd and tracing."""
    needs_grad = torch.is_grad_enabled() and values.requires_grad
    numbers = type(values) is nn.Parameter and values.is_floating_point() and values.element_size() > 1
    return numbers and values.device.type == "cpu" and not needs_grad and not torch.compiler.is_compiling()


class BitmaskLinear(DenseWeight, nn.Module):
    """Drop-in for nn.Linear that stores its nonzero weights and a bit mask, and expands them on every call.

    Parameters
    ----------
    weight : Tensor [out_features, in_features]
        Weight with zeros.
    bias : Tensor [out_features], optional
        Added to the outputs.

    Raises
    ------
    ValueError
        If a shape does not match.

    Examples
    --------
    >>> BitmaskLinear(torch.eye(4))
    BitmaskLinear(in_features=4, out_features=4, nonzeros=4, bias=False)
    """

    pattern: Tensor
    storage_kinds: ClassVar[dict[str, str]] = {"pattern": "masks"}  # kind of storage for `labkit.cost`

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
        """Prune a layer by magnitude, without structure.

        Parameters
        ----------
        linear : nn.Linear
            Dense layer; not changed.
        sparsity : float
            Fraction of zeros in [0, 1).

        Returns
        -------
        BitmaskLinear
            With the weights of largest magnitude.

        Raises
        ------
        ValueError
            If the sparsity is out of range.
        """
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.9 keeps a tenth of the weights")
        weight = linear.weight.detach()
        nonzeros = max(1, round(weight.numel() * (1 - sparsity)))
        kept = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
        kept[weight.abs().flatten().topk(nonzeros, sorted=False).indices] = True
        return cls(weight * kept.view_as(weight), linear.bias).train(linear.training)

    def dense(self) -> Tensor:
        """Return the dense weight.

        Returns
        -------
        Tensor [out_features, in_features]
            Differentiable with respect to the values.
        """
        if _is_plain(self.values):
            return expand_bits(self.values, self.pattern, self.in_features)
        mask = unpacked_bits(self.pattern, self.in_features)
        return self.values.new_zeros(mask.shape).masked_scatter(mask, self.values)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.dense(), self.bias)

    def to_dense(self) -> nn.Linear:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Linear
            With copies of the parameters.
        """
        return dense_linear(self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        shape = {"in_features": self.in_features, "out_features": self.out_features, "nonzeros": self.values.numel()}
        return {**shape, "bias": self.bias is not None}

    @classmethod
    def from_spec(
        cls, in_features: int, out_features: int, bias: bool, nonzeros: int | None = None, links: int | None = None
    ) -> BitmaskLinear:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        in_features, out_features : int
            Shape of the layer.
        bias : bool
            Whether the layer has a bias.
        nonzeros : int
            Number of nonzero weights.
        links : int, optional
            Name of `nonzeros` in manifests of labkit 0.1.

        Returns
        -------
        BitmaskLinear
            To be filled by ``load_state_dict``.
        """
        weight = torch.zeros(out_features, in_features)
        weight.view(-1)[: links if nonzeros is None else nonzeros] = 1.0
        return cls(weight, torch.zeros(out_features) if bias else None)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, nonzeros={self.values.numel()}, "
            f"bias={self.bias is not None}"
        )
