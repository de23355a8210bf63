"""A linear layer of unstructured sparsity: one bit per position and one value per nonzero, the smallest form up to 95 % zeros."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.bitmask_weight import BitmaskWeight, packed_bits, unpacked_bits
from labkit.layers.dense import dense_linear
from labkit.layers.drop_in import DenseWeight
from labkit.layers.given import finite_weight
from labkit.layers.largest import kept_of, largest_mask

__all__ = ["BitmaskLinear", "packed_bits", "unpacked_bits"]


class BitmaskLinear(DenseWeight, BitmaskWeight):
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

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        if weight.ndim != 2:
            raise ValueError(f"weight must have shape [outputs, inputs], got {list(weight.shape)}")
        self.out_features, self.in_features = weight.shape
        self._set_up(weight, bias)

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
            With exactly as many weights as the sparsity leaves, those of largest magnitude; of equal ones the first.

        Raises
        ------
        ValueError
            If the sparsity is out of range.
        """
        weight = finite_weight(linear)
        kept = largest_mask(weight.abs().flatten(), kept_of(weight.numel(), sparsity))
        return cls(weight * kept.view_as(weight), linear.bias).train(linear.training)

    def dense(self) -> Tensor:
        """Return the dense weight.

        Returns
        -------
        Tensor [out_features, in_features]
            Differentiable with respect to the values.
        """
        return self.matrix()

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
