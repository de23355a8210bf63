"""Layers whose weight is a product of two thin matrices (truncated singular value decomposition; Eckart & Young 1936)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.dense import dense_linear
from labkit.layers.fixed_fan_in_conv import geometry
from labkit.layers.svd import svd


def truncated_svd(weight: Tensor, rank: int, moments: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return `up` [N, r] and `down` [r, D] whose product is the best rank-r approximation of `weight` [N, D].

    The singular values are shared evenly, so that both factors have the same scale. Computed in float64. With the second moments
    [D, D] of the inputs it is the outputs whose error is least (data whitening, as in SVD-LLM).

    Raises
    ------
    ValueError
        When the rank is not between 1 and min(N, D).
    """
    if not 1 <= rank <= min(weight.shape):
        raise ValueError(f"rank must lie between 1 and {min(weight.shape)} for a weight {list(weight.shape)}, got {rank}")
    whitening = None if moments is None else torch.linalg.cholesky(moments.double())
    u, s, v = svd(weight if whitening is None else weight.double() @ whitening)
    if whitening is not None:
        v = torch.linalg.solve_triangular(whitening, v, upper=False, left=False)
    root = s[:rank].sqrt()
    # contiguous: LAPACK gives columns, and the same numbers in another layout may be summed in another order
    up, down = u[:, :rank] * root, root[:, None] * v[:rank]
    return up.to(weight.dtype).contiguous(), down.to(weight.dtype).contiguous()


class LowRankLinear(nn.Module):
    """Drop-in for nn.Linear: ``y = (x @ down.T) @ up.T + bias``, down [r, in_features], up [out_features, r]."""

    def __init__(self, up: Tensor, down: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.up, self.down = nn.Parameter(up), nn.Parameter(down)
        self.bias = None if bias is None else nn.Parameter(bias)

    @classmethod
    def from_dense(cls, linear: nn.Linear, *, rank: int, moments: Tensor | None = None) -> LowRankLinear:
        """Truncate the singular value decomposition of the weight at `rank`; see `truncated_svd` for the moments of the inputs."""
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return cls(*truncated_svd(linear.weight, rank, moments), bias).train(linear.training)

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.linear(x, self.down), self.up, self.bias)

    def to_dense(self) -> nn.Linear:
        """Return an nn.Linear with the same outputs."""
        return dense_linear(self.up @ self.down, self.bias, training=self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        out_features, rank = self.up.shape
        return {"in_features": self.down.shape[1], "out_features": out_features, "rank": rank, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, rank: int, bias: bool) -> LowRankLinear:
        """Build an empty layer of the shape that `spec` describes."""
        return cls(torch.zeros(out_features, rank), torch.zeros(rank, in_features), torch.zeros(out_features) if bias else None)

    def extra_repr(self) -> str:
        return f"in_features={self.down.shape[1]}, out_features={self.up.shape[0]}, rank={self.rank}, bias={self.bias is not None}"


class LowRankConv2d(nn.Module):
    """Drop-in for an ungrouped nn.Conv2d: a convolution to r channels (down [r, C, h, w]), then a 1x1 (up [N, r])."""

    def __init__(self, conv: dict, up: Tensor, down: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        if conv["groups"] != 1:
            raise ValueError(f"a grouped convolution (groups={conv['groups']}) has no single low-rank form; leave this layer out")
        self.conv = conv
        self.up, self.down = nn.Parameter(up), nn.Parameter(down)
        self.bias = None if bias is None else nn.Parameter(bias)

    @classmethod
    def from_dense(cls, conv: nn.Conv2d, *, rank: int) -> LowRankConv2d:
        """Truncate the singular value decomposition of the kernel, flattened to [out_channels, C h w], at `rank`."""
        if conv.padding_mode != "zeros":
            raise ValueError(f"only zero padding can be factored, got padding_mode={conv.padding_mode!r}; leave this layer out")
        up, down = truncated_svd(conv.weight.flatten(1), rank)
        bias = None if conv.bias is None else conv.bias.detach().clone()
        return cls(geometry(conv), up, down.view(rank, *conv.weight.shape[1:]), bias).train(conv.training)

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        c = self.conv
        padding = c["padding"] if isinstance(c["padding"], str) else tuple(c["padding"])
        thin = F.conv2d(x, self.down, None, tuple(c["stride"]), padding, tuple(c["dilation"]))
        return F.conv2d(thin, self.up[:, :, None, None], self.bias)

    def to_dense(self) -> nn.Conv2d:
        """Return an nn.Conv2d with the same outputs."""
        conv = nn.Conv2d(**self.conv, bias=self.bias is not None, device="meta")
        conv.weight = nn.Parameter((self.up @ self.down.flatten(1)).view(-1, *self.down.shape[1:]).detach())
        if self.bias is not None:
            conv.bias = nn.Parameter(self.bias.detach().clone())
        return conv.train(self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        return {"conv": self.conv, "rank": self.rank, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, rank: int, bias: bool) -> LowRankConv2d:
        """Build an empty layer of the shape that `spec` describes."""
        out, down = conv["out_channels"], torch.zeros(rank, conv["in_channels"], *conv["kernel_size"])
        return cls(conv, torch.zeros(out, rank), down, torch.zeros(out) if bias else None)

    def extra_repr(self) -> str:
        c = self.conv
        return f"{c['in_channels']}, {c['out_channels']}, kernel_size={tuple(c['kernel_size'])}, rank={self.rank}"
