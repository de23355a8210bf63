"""Layers whose weight is a product of two low-rank factors, from a truncated SVD (Eckart & Young 1936)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.dense import dense_linear
from labkit.layers.drop_in import ConvGeometry, DenseWeight
from labkit.layers.fixed_fan_in_conv import geometry
from labkit.layers.svd import svd


def truncated_svd(weight: Tensor, rank: int, moments: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Factorise a weight at a given rank, in float64.

    Without moments the product is the best rank-r approximation of the weight in the Frobenius norm; with them it minimises the
    output error on the calibration inputs, by whitening the inputs.

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
    if not 1 <= rank <= min(weight.shape):
        raise ValueError(f"rank must lie between 1 and {min(weight.shape)} for a weight {list(weight.shape)}, got {rank}")
    whitening = None if moments is None else torch.linalg.cholesky(moments.double())
    u, s, v = svd(weight if whitening is None else weight.double() @ whitening)
    if whitening is not None:
        v = torch.linalg.solve_triangular(whitening, v, upper=False, left=False)
    root = s[:rank].sqrt()
    # contiguous, because sums over another memory layout (LAPACK returns column-major factors) may round differently
    up, down = u[:, :rank] * root, root[:, None] * v[:rank]
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
        return cls(*truncated_svd(linear.weight, rank, moments), bias).train(linear.training)

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


class LowRankConv2d(DenseWeight, ConvGeometry, nn.Module):
    """Drop-in for an ungrouped nn.Conv2d: a convolution to r channels followed by a 1x1 convolution.

    Parameters
    ----------
    conv : dict
        Keyword arguments of nn.Conv2d.
    up : Tensor [out_channels, r]
        Weight of the 1x1 convolution.
    down : Tensor [r, in_channels, height, width]
        Kernel of the first convolution.
    bias : Tensor [out_channels], optional
        Added to the outputs.

    Raises
    ------
    ValueError
        If the convolution is grouped.
    """

    def __init__(self, conv: dict, up: Tensor, down: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        if conv["groups"] != 1:
            raise ValueError(f"a grouped convolution (groups={conv['groups']}) has no single low-rank form; leave this layer out")
        self.conv = conv
        self.up, self.down = nn.Parameter(up), nn.Parameter(down)
        self.bias = None if bias is None else nn.Parameter(bias)

    @classmethod
    def from_dense(cls, conv: nn.Conv2d, *, rank: int) -> LowRankConv2d:
        """Factorise the kernel, flattened to [out_channels, in_channels * height * width], by `truncated_svd`.

        Parameters
        ----------
        conv : nn.Conv2d
            Dense layer; not changed.
        rank : int
            Rank of the flattened kernel.

        Returns
        -------
        LowRankConv2d
            The factorised layer.

        Raises
        ------
        ValueError
            If the padding mode is not "zeros", the convolution is grouped, or the rank is out of range.
        """
        if conv.padding_mode != "zeros":
            raise ValueError(f"only zero padding can be factorised, got padding_mode={conv.padding_mode!r}; leave this layer out")
        up, down = truncated_svd(conv.weight.flatten(1), rank)
        bias = None if conv.bias is None else conv.bias.detach().clone()
        return cls(geometry(conv), up, down.view(rank, *conv.weight.shape[1:]), bias).train(conv.training)

    @property
    def rank(self) -> int:
        """Number of columns of the left factor."""
        return self.down.shape[0]

    def dense(self) -> Tensor:
        """Return the dense kernel.

        Returns
        -------
        Tensor [out_channels, in_channels, height, width]
            Differentiable with respect to both factors.
        """
        return (self.up @ self.down.flatten(1)).view(-1, *self.down.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        c = self.conv
        padding = c["padding"] if isinstance(c["padding"], str) else tuple(c["padding"])
        thin = F.conv2d(x, self.down, None, tuple(c["stride"]), padding, tuple(c["dilation"]))
        return F.conv2d(thin, self.up[:, :, None, None], self.bias)

    def to_dense(self) -> nn.Conv2d:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv2d
            With copies of the parameters.
        """
        conv = nn.Conv2d(**self.conv, bias=self.bias is not None, device="meta")
        conv.weight = nn.Parameter(self.dense().detach())
        if self.bias is not None:
            conv.bias = nn.Parameter(self.bias.detach().clone())
        return conv.train(self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        return {"conv": self.conv, "rank": self.rank, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, rank: int, bias: bool) -> LowRankConv2d:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        conv : dict
            Keyword arguments of nn.Conv2d.
        rank : int
            Rank of the kernel.
        bias : bool
            Whether the layer has a bias.

        Returns
        -------
        LowRankConv2d
            To be filled by ``load_state_dict``.
        """
        out, down = conv["out_channels"], torch.zeros(rank, conv["in_channels"], *conv["kernel_size"])
        return cls(conv, torch.zeros(out, rank), down, torch.zeros(out) if bias else None)

    def extra_repr(self) -> str:
        c = self.conv
        return f"{c['in_channels']}, {c['out_channels']}, kernel_size={tuple(c['kernel_size'])}, rank={self.rank}"
