"""Layers in which every output has the same number of inputs (SRigL's condensed form, spec 2.9, with full output and biases)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.condensed import CondensedWeight, fan_in_of, largest


class FixedFanInLinear(CondensedWeight):
    """Drop-in for nn.Linear: ``y[b, n] = bias[n] + sum_k weight[n, k] * x[b, index[n, k]]``.

    Unlike the published condensed layer it keeps every output and every bias; a neuron without inputs still gives its bias.

    Parameters
    ----------
    in_features : int
    values : Tensor [out_features, fan_in]
    index : integer Tensor [out_features, fan_in]
        Input columns; kept as uint16 up to 65,536 inputs, int32 beyond. Duplicates add up.
    bias : Tensor [out_features], optional

    Raises
    ------
    ValueError, TypeError
        On other shapes, indices out of range, or indices that are no integers.
    """

    def __init__(self, in_features: int, values: Tensor, index: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self._hold(values, index, in_features, bias)

    @classmethod
    def from_dense(cls, linear: nn.Linear, *, fan_in: int | None = None, sparsity: float | None = None) -> FixedFanInLinear:
        """Keep the entries of largest magnitude of each row: `fan_in` of them, or a share of ``1 - sparsity``.

        Examples
        --------
        >>> FixedFanInLinear.from_dense(nn.Linear(8, 3), sparsity=0.75)
        FixedFanInLinear(in_features=8, out_features=3, fan_in=2, bias=True)
        """
        values, index = largest(linear.weight, fan_in_of(linear.in_features, fan_in, sparsity))
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return cls(linear.in_features, values, index, bias).train(linear.training)

    @property
    def in_features(self) -> int:
        return self.width

    @property
    def out_features(self) -> int:
        return self.weight.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.dense(), self.bias)

    def to_dense(self) -> nn.Linear:
        """Return an nn.Linear with the same outputs."""
        linear = nn.Linear(self.in_features, self.out_features, self.bias is not None, device="meta")
        linear.weight = nn.Parameter(self._scatter().detach())
        if self.bias is not None:
            linear.bias = nn.Parameter(self.bias.detach().clone())
        return linear.train(self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        shape = {"in_features": self.in_features, "out_features": self.out_features, "fan_in": self.fan_in}
        return {**shape, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, fan_in: int, bias: bool) -> FixedFanInLinear:
        """Build an empty layer of the shape that `spec` describes."""
        values = torch.zeros(out_features, fan_in)
        return cls(
            in_features, values, torch.zeros(out_features, fan_in, dtype=torch.int64), values[:, 0].clone() if bias else None
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, fan_in={self.fan_in}, bias={self.bias is not None}"
        )


class FixedFanInConv2d(CondensedWeight):
    """Drop-in for nn.Conv2d: each output channel keeps the same number of its (channels / groups * height * width) weights.

    Parameters
    ----------
    conv : dict
        Keyword arguments of nn.Conv2d: in_channels, out_channels, kernel_size, stride, padding, dilation, groups.
    values, index : Tensor [out_channels, fan_in]
        Index into the flattened kernel of one output channel.
    bias : Tensor [out_channels], optional

    Raises
    ------
    ValueError, TypeError
        On other shapes, indices out of range, or indices that are no integers.
    """

    def __init__(self, conv: dict, values: Tensor, index: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.conv = conv
        height, width = conv["kernel_size"]
        self.kernel_shape = (conv["in_channels"] // conv["groups"], height, width)
        if len(values) != conv["out_channels"]:
            raise ValueError(f"values must have a row an output channel, {conv['out_channels']}, got {list(values.shape)}")
        self._hold(values, index, self.kernel_shape[0] * height * width, bias)

    @classmethod
    def from_dense(cls, conv: nn.Conv2d, *, fan_in: int | None = None, sparsity: float | None = None) -> FixedFanInConv2d:
        """Keep the entries of largest magnitude of each output channel's kernel.

        Raises
        ------
        ValueError
            When the convolution pads with anything but zeros.
        """
        if conv.padding_mode != "zeros":
            raise ValueError(f"only zero padding can be condensed, got padding_mode={conv.padding_mode!r}; leave this layer out")
        flat = conv.weight.detach().flatten(1)
        values, index = largest(flat, fan_in_of(flat.shape[1], fan_in, sparsity))
        bias = None if conv.bias is None else conv.bias.detach().clone()
        return cls(geometry(conv), values, index, bias).train(conv.training)

    def _kernel(self, flat: Tensor) -> Tensor:
        return flat.view(-1, *self.kernel_shape)

    def forward(self, x: Tensor) -> Tensor:
        c = self.conv
        padding = c["padding"] if isinstance(c["padding"], str) else tuple(c["padding"])
        return F.conv2d(x, self._kernel(self.dense()), self.bias, tuple(c["stride"]), padding, tuple(c["dilation"]), c["groups"])

    def to_dense(self) -> nn.Conv2d:
        """Return an nn.Conv2d with the same outputs."""
        conv = nn.Conv2d(**self.conv, bias=self.bias is not None, device="meta")
        conv.weight = nn.Parameter(self._kernel(self._scatter().detach()))
        if self.bias is not None:
            conv.bias = nn.Parameter(self.bias.detach().clone())
        return conv.train(self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        return {"conv": self.conv, "fan_in": self.fan_in, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, fan_in: int, bias: bool) -> FixedFanInConv2d:
        """Build an empty layer of the shape that `spec` describes."""
        values = torch.zeros(conv["out_channels"], fan_in)
        index = torch.zeros(conv["out_channels"], fan_in, dtype=torch.int64)
        return cls(conv, values, index, values[:, 0].clone() if bias else None)

    def extra_repr(self) -> str:
        c = self.conv
        return f"{c['in_channels']}, {c['out_channels']}, kernel_size={tuple(c['kernel_size'])}, fan_in={self.fan_in}"


def geometry(conv: nn.Conv2d) -> dict:
    """The shape of a convolution in types that JSON knows."""
    padding = conv.padding if isinstance(conv.padding, str) else list(conv.padding)
    return {
        "in_channels": conv.in_channels,
        "out_channels": conv.out_channels,
        "kernel_size": list(conv.kernel_size),
        "stride": list(conv.stride),
        "padding": padding,
        "dilation": list(conv.dilation),
        "groups": conv.groups,
    }
