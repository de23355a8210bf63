"""A convolution with fixed fan-in: every output channel has the same number of nonzero weights (Lasby et al., ICLR 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.condensed import CondensedWeight, fan_in_of, largest
from labkit.layers.drop_in import ConvGeometry


class FixedFanInConv2d(ConvGeometry, CondensedWeight):
    """Drop-in for nn.Conv2d in which every output channel has the same number of nonzero weights.

    It stores the condensed form and runs as a dense convolution. A kernel has D = in_channels / groups * height * width weights per
    output channel.

    Parameters
    ----------
    conv : dict
        Keyword arguments of nn.Conv2d: in_channels, out_channels, kernel_size, stride, padding, dilation, groups.
    values : Tensor [out_channels, fan_in]
        Values of the nonzeros.
    index : integer Tensor [out_channels, fan_in]
        Their positions in the flattened kernel of an output channel, 0 … D - 1.
    bias : Tensor [out_channels], optional
        Added to the outputs.

    Raises
    ------
    ValueError, TypeError
        If shapes do not match, an index is out of range, or `index` is not an integer tensor.
    """

    def __init__(self, conv: dict, values: Tensor, index: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.conv = conv
        height, width = conv["kernel_size"]
        self.kernel_shape = (conv["in_channels"] // conv["groups"], height, width)
        if len(values) != conv["out_channels"]:
            raise ValueError(f"values must have one row per output channel, {conv['out_channels']}, got {list(values.shape)}")
        self._set_up(values, index, self.kernel_shape[0] * height * width, bias)

    @classmethod
    def from_dense(cls, conv: nn.Conv2d, *, fan_in: int | None = None, sparsity: float | None = None) -> FixedFanInConv2d:
        """Prune a convolution to the weights of largest magnitude of each output channel.

        Parameters
        ----------
        conv : nn.Conv2d
            Dense layer; not changed.
        fan_in : int, optional
            Connections per output channel.
        sparsity : float, optional
            Fraction of zeros in [0, 1), instead of `fan_in`.

        Returns
        -------
        FixedFanInConv2d
            The pruned layer.

        Raises
        ------
        ValueError
            If the padding mode is not "zeros".
        ValueError, TypeError
            Unless exactly one of `fan_in` and `sparsity` is given, and in range.
        """
        if conv.padding_mode != "zeros":
            raise ValueError(f"only zero padding can be condensed, got padding_mode={conv.padding_mode!r}; leave this layer out")
        flat = conv.weight.detach().flatten(1)
        values, index = largest(flat, fan_in_of(flat.shape[1], fan_in, sparsity))
        bias = None if conv.bias is None else conv.bias.detach().clone()
        return cls(geometry(conv), values, index, bias).train(conv.training)

    def _kernel(self, weight: Tensor) -> Tensor:
        return weight.view(-1, *self.kernel_shape)

    def forward(self, x: Tensor) -> Tensor:
        c = self.conv
        padding = c["padding"] if isinstance(c["padding"], str) else tuple(c["padding"])
        return F.conv2d(
            x, self._kernel(self.cached_dense()), self.bias, tuple(c["stride"]), padding, tuple(c["dilation"]), c["groups"]
        )

    def to_dense(self) -> nn.Conv2d:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv2d
            With copies of the parameters.
        """
        conv = nn.Conv2d(**self.conv, bias=self.bias is not None, device="meta")
        conv.weight = nn.Parameter(self._kernel(self.dense()).detach())
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
        return {"conv": self.conv, "fan_in": self.fan_in, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, fan_in: int, bias: bool) -> FixedFanInConv2d:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        conv : dict
            Keyword arguments of nn.Conv2d.
        fan_in : int
            Nonzeros per output channel.
        bias : bool
            Whether the layer has a bias.

        Returns
        -------
        FixedFanInConv2d
            To be filled by ``load_state_dict``.
        """
        values = torch.zeros(conv["out_channels"], fan_in)
        index = torch.zeros(conv["out_channels"], fan_in, dtype=torch.int64)
        return cls(conv, values, index, values[:, 0].clone() if bias else None)

    def extra_repr(self) -> str:
        c = self.conv
        return f"{c['in_channels']}, {c['out_channels']}, kernel_size={tuple(c['kernel_size'])}, fan_in={self.fan_in}"


def geometry(conv: nn.Conv2d) -> dict:
    """Return the constructor arguments of a convolution in JSON types.

    Parameters
    ----------
    conv : nn.Conv2d
        A convolution.

    Returns
    -------
    dict
        Keyword arguments of nn.Conv2d, without bias.
    """
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
