"""Layers whose weight is a product of two low-rank factors, from a truncated SVD (Eckart & Young 1936)."""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.dense import dense_linear
from labkit.layers.drop_in import DenseWeight
from labkit.layers.given import finite_weight
from labkit.layers.svd import leading_svd
from labkit.words import shortly


def truncated_svd(weight: Tensor, rank: int, moments: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Factorise a weight at a given rank, in float64.

    Without moments the product is the best rank-r approximation of the weight in the Frobenius norm (of large matrices to within
    1 % of the least error, see `leading_svd`); with them it minimises the output error on the calibration inputs, by whitening the
    inputs.

    Parameters
    ----------
    weight : Tensor [N, D]
        Dense weight.
    rank : int
        Rank r, 1 … min(N, D).
    moments : Tensor [D, D], optional
        Second moments of the calibration inputs, positive definite.

    Returns
    -------
    up : Tensor [N, r]
        Left factor; singular values are split evenly between both factors.
    down : Tensor [r, D]
        Right factor.

    Raises
    ------
    ValueError
        If the rank is out of range.

    References
    ----------
    Eckart & Young, The approximation of one matrix by another of lower rank, Psychometrika 1936.
    Wang et al., SVD-LLM: Truncation-aware Singular Value Decomposition for LLM Compression, ICLR 2025 (whitening).
    """
    if isinstance(rank, bool) or not isinstance(rank, Integral):
        raise TypeError(f"rank must be an integer from 1 to {min(weight.shape)}, got {shortly(rank)}")
    if not 1 <= rank <= min(weight.shape):
        raise ValueError(f"rank must lie between 1 and {min(weight.shape)} for a weight {list(weight.shape)}, got {rank}")
    whitening = None if moments is None else torch.linalg.cholesky(moments.to(weight.device).double())
    u, s, v = leading_svd(weight if whitening is None else weight.double() @ whitening, rank)
    if whitening is not None:
        v = torch.linalg.solve_triangular(whitening, v, upper=False, left=False)
    root = s.sqrt()
    # contiguous, because sums over another memory layout (LAPACK returns column-major factors) may round differently
    up, down = u * root, root[:, None] * v
    return up.to(weight.dtype).contiguous(), down.to(weight.dtype).contiguous()


class LowRankLinear(DenseWeight, nn.Module):
    """Drop-in for nn.Linear: ``y = (x @ down.T) @ up.T + bias``.

    Parameters
    ----------
    up : Tensor [out_features, r]
        Left factor.
    down : Tensor [r, in_features]
        Right factor.
    bias : Tensor [out_features], optional
        Added to the outputs.
    """

    def __init__(self, up: Tensor, down: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.up, self.down = nn.Parameter(up), nn.Parameter(down)
        self.bias = None if bias is None else nn.Parameter(bias)

    @classmethod
    def from_dense(cls, linear: nn.Linear, *, rank: int, moments: Tensor | None = None) -> LowRankLinear:
        """Factorise a layer by `truncated_svd`.

        Parameters
        ----------
        linear : nn.Linear
            Dense layer; not changed.
        rank : int
            Rank, 1 … min(out_features, in_features).
        moments : Tensor [in_features, in_features], optional
            Second moments of the calibration inputs.

        Returns
        -------
        LowRankLinear
            The factorised layer.
        """
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return cls(*truncated_svd(finite_weight(linear), rank, moments), bias).train(linear.training)

    @property
    def rank(self) -> int:
        """Number of columns of the left factor."""
        return self.down.shape[0]

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return self.down.shape[1]

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.up.shape[0]

    def dense(self) -> Tensor:
        """Return the dense weight.

        Returns
        -------
        Tensor [out_features, in_features]
            Differentiable with respect to both factors.
        """
        return self.up @ self.down

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.linear(x, self.down), self.up, self.bias)

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
        out_features, rank = self.up.shape
        return {"in_features": self.down.shape[1], "out_features": out_features, "rank": rank, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, rank: int, bias: bool) -> LowRankLinear:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        in_features, out_features : int
            Shape of the layer.
        rank : int
            Rank of the weight.
        bias : bool
            Whether the layer has a bias.

        Returns
        -------
        LowRankLinear
            To be filled by ``load_state_dict``.
        """
        return cls(torch.zeros(out_features, rank), torch.zeros(rank, in_features), torch.zeros(out_features) if bias else None)

    def extra_repr(self) -> str:
        return f"in_features={self.down.shape[1]}, out_features={self.up.shape[0]}, rank={self.rank}, bias={self.bias is not None}"
