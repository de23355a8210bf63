"""Convolutions with fixed fan-in: every output channel has the same number of nonzero weights (Lasby et al., ICLR 2024)."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from labkit.layers.condensed import CondensedWeight, fan_in_of, largest
from labkit.layers.convolution import convolve, dense_convolution, geometry, kernel_shape, short
from labkit.layers.drop_in import ConvGeometry
from labkit.layers.given import finite_weight

__all__ = ["FixedFanInConv", "FixedFanInConv1d", "FixedFanInConv2d", "geometry"]


class FixedFanInConv(ConvGeometry, CondensedWeight):
    """Drop-in for a convolution in which every output channel has the same number of nonzero weights.

    It stores the condensed form and runs as a dense convolution. A kernel has D = in_channels / groups * its size weights per
    output channel.

    Parameters
    ----------
    conv : dict
        Keyword arguments of the dense class: in_channels, out_channels, kernel_size, stride, padding, dilation, groups and, unless
        it is "zeros", padding_mode.
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
        self.kernel_shape = kernel_shape(conv)
        if len(values) != conv["out_channels"]:
            raise ValueError(f"values must have one row per output channel, {conv['out_channels']}, got {list(values.shape)}")
        self._set_up(values, index, torch.Size(self.kernel_shape).numel(), bias)

    @classmethod
    def from_dense(cls, conv: nn.Module, *, fan_in: int | None = None, sparsity: float | None = None) -> Self:
        """Prune a convolution to the weights of largest magnitude of each output channel.

        Parameters
        ----------
        conv : nn.Conv1d or nn.Conv2d
            Dense layer; not changed.
        fan_in : int, optional
            Connections per output channel.
        sparsity : float, optional
            Fraction of zeros in [0, 1), instead of `fan_in`.

        Returns
        -------
        FixedFanInConv
            The pruned layer.

        Raises
        ------
        ValueError, TypeError
            Unless exactly one of `fan_in` and `sparsity` is given, and in range.
        """
        flat = finite_weight(conv).flatten(1)
        values, index = largest(flat, fan_in_of(flat.shape[1], fan_in, sparsity))
        bias = None if conv.bias is None else conv.bias.detach().clone()  # type: ignore[operator]
        return cls(geometry(conv), values, index, bias).train(conv.training)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, self.cached_dense(), self.bias, self.conv)

    def to_dense(self) -> nn.Module:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv1d or nn.Conv2d
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
        return {"conv": self.conv, "fan_in": self.fan_in, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, fan_in: int, bias: bool) -> Self:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        conv : dict
            Keyword arguments of the dense class.
        fan_in : int
            Nonzeros per output channel.
        bias : bool
            Whether the layer has a bias.

        Returns
        -------
        FixedFanInConv
            To be filled by ``load_state_dict``.
        """
        values = torch.zeros(conv["out_channels"], fan_in)
        index = torch.zeros(conv["out_channels"], fan_in, dtype=torch.int64)
        return cls(conv, values, index, values[:, 0].clone() if bias else None)

    def extra_repr(self) -> str:
        return f"{short(self.conv)}, fan_in={self.fan_in}"


class FixedFanInConv1d(FixedFanInConv):
    """Drop-in for nn.Conv1d; see `FixedFanInConv`.

    Examples
    --------
    >>> FixedFanInConv1d.from_dense(nn.Conv1d(4, 8, 3), sparsity=0.75)
    FixedFanInConv1d(4, 8, kernel_size=(3,), fan_in=3)
    """


class FixedFanInConv2d(FixedFanInConv):
    """Drop-in for nn.Conv2d; see `FixedFanInConv`.

    Examples
    --------
    >>> FixedFanInConv2d.from_dense(nn.Conv2d(4, 8, 3), sparsity=0.75)
    FixedFanInConv2d(4, 8, kernel_size=(3, 3), fan_in=9)
    """
