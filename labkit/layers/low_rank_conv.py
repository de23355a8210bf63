"""Convolutions whose kernel is a product of two low-rank factors: a thin convolution followed by one of a single place."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.drop_in import ConvGeometry, DenseWeight
from labkit.layers.low_rank import truncated_svd

CONVOLVED: dict[int, Any] = {1: F.conv1d, 2: F.conv2d}


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

    dense_kind: ClassVar[Any] = nn.Conv2d

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
        up, down = truncated_svd(conv.weight.flatten(1), rank)
        bias = None if conv.bias is None else conv.bias.detach().clone()
        return cls(_arguments(conv), up, down.view(rank, *conv.weight.shape[1:]), bias).train(conv.training)

    @property
    def rank(self) -> int:
        """Number of columns of the left factor."""
        return self.down.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        c, spatial = self.conv, self.down.ndim - 2
        padding = c["padding"] if isinstance(c["padding"], str) else tuple(c["padding"])
        mode = c.get("padding_mode", "zeros")
        if mode != "zeros":
            x, padding = F.pad(x, _both_ends(c), mode=mode), (0,) * spatial
        convolve = CONVOLVED[spatial]
        thin = convolve(x, self.down, None, tuple(c["stride"]), padding, tuple(c["dilation"]))
        return convolve(thin, self.up[(..., *(None,) * spatial)], self.bias)

    def to_dense(self) -> Any:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv2d
            With copies of the parameters.
        """
        conv = self.dense_kind(**self.conv, bias=self.bias is not None, device="meta")
        conv.weight = nn.Parameter((self.up @ self.down.flatten(1)).view(-1, *self.down.shape[1:]).detach())
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
        c = self.conv
        return f"{c['in_channels']}, {c['out_channels']}, kernel_size={tuple(c['kernel_size'])}, rank={self.rank}"


class LowRankConv1d(LowRankConv2d):
    """Drop-in for an ungrouped nn.Conv1d: as `LowRankConv2d`, with one axis of places.

    Parameters
    ----------
    conv : dict
        Keyword arguments of nn.Conv1d.
    up : Tensor [out_channels, r]
        Weight of the convolution of one place.
    down : Tensor [r, in_channels, length]
        Kernel of the first convolution.
    bias : Tensor [out_channels], optional
        Added to the outputs.
    """

    dense_kind: ClassVar[Any] = nn.Conv1d


def _arguments(conv: Any) -> dict:
    """Keyword arguments of a convolution in JSON types, without bias; zero padding goes without saying, as in older manifests."""
    padding = conv.padding if isinstance(conv.padding, str) else list(conv.padding)
    made = {
        "in_channels": conv.in_channels,
        "out_channels": conv.out_channels,
        "kernel_size": list(conv.kernel_size),
        "stride": list(conv.stride),
        "padding": padding,
        "dilation": list(conv.dilation),
        "groups": conv.groups,
    }
    return made if conv.padding_mode == "zeros" else {**made, "padding_mode": conv.padding_mode}


def _both_ends(conv: dict) -> list[int]:
    """Padding before and after each axis, last axis first, as `F.pad` takes it."""
    axes = range(len(conv["kernel_size"]))
    if conv["padding"] == "valid":
        ends = [(0, 0) for _ in axes]
    elif conv["padding"] == "same":  # an odd one goes behind
        whole = [conv["dilation"][axis] * (conv["kernel_size"][axis] - 1) for axis in axes]
        ends = [(total // 2, total - total // 2) for total in whole]
    else:
        ends = [(conv["padding"][axis],) * 2 for axis in axes]
    return [end for pair in reversed(ends) for end in pair]
