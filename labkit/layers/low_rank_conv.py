"""Convolutions whose kernel is a product of two low-rank factors: a thin convolution followed by one of a single place."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from labkit.layers.convolution import FUNCTIONS, convolve, dense_convolution, geometry, short
from labkit.layers.drop_in import ConvGeometry, DenseWeight
from labkit.layers.given import finite_weight
from labkit.layers.low_rank import truncated_svd


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
    def from_dense(cls, conv: Any, *, rank: int) -> Self:
        """Factorise the kernel, flattened to [out_channels, in_channels * height * width], by `truncated_svd`.

        Parameters
        ----------
        conv : nn.Conv2d
            Dense layer; not changed. Stride, padding of any mode and dilation are kept.
        rank : int
            Rank of the flattened kernel.

        Returns
        -------
        LowRankConv2d
            The factorised layer.

        Raises
        ------
        ValueError
            If the convolution is grouped, or the rank is out of range.
        """
        up, down = truncated_svd(finite_weight(conv).flatten(1), rank)
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
        Tensor [out_channels, in_channels, *kernel_size]
            Differentiable with respect to both factors.
        """
        return (self.up @ self.down.flatten(1)).view(-1, *self.down.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        spatial = self.down.ndim - 2
        thin = convolve(x, self.down, None, {**self.conv, "out_channels": self.rank})
        return FUNCTIONS[spatial](thin, self.up[(..., *(None,) * spatial)], self.bias)

    def to_dense(self) -> Any:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv2d
            With copies of the parameters.
        """
        return dense_convolution(self.conv, self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        return {"conv": self.conv, "rank": self.rank, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, rank: int, bias: bool) -> Self:
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
        return f"{short(self.conv)}, rank={self.rank}"


class LowRankConv1d(LowRankConv2d):
    """Drop-in for an ungrouped nn.Conv1d: as `LowRankConv2d`, with kernels [r, in_channels, length]."""
