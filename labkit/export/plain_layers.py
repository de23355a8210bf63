"""Layers of torch operators alone, which stand for labkit's compressed layers in an exported network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.convolution import convolve
from labkit.layers.drop_in import ConvGeometry
from labkit.layers.int8_codes import LEAST
from labkit.layers.shared_basis_conv import over_channels


class Held(nn.Module):
    """A weight in some stored form; `matrix` is the dense weight."""

    def matrix(self) -> Tensor:
        """Return the weight as a matrix.

        Returns
        -------
        Tensor [N, D]
        """
        raise NotImplementedError


class HeldDense(Held):
    """A weight as it is.

    Parameters
    ----------
    weight : Tensor [N, D]
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)

    def matrix(self) -> Tensor:
        return self.weight


class HeldNonzeros(Held):
    """A weight as its nonzeros and their positions, which are put into a matrix of zeros when the network runs.

    Parameters
    ----------
    values : Tensor [R, K]
        The nonzeros row by row.
    index : integer Tensor [R, K]
        Their places in a row of `width`, without duplicates.
    width : int
    shape : tuple of int
        Shape of the matrix; R rows of `width` are viewed so.
    """

    index: Tensor

    def __init__(self, values: Tensor, index: Tensor, width: int, shape: tuple[int, int]) -> None:
        super().__init__()
        self.values = nn.Parameter(values.detach().clone(), requires_grad=False)
        self.register_buffer("index", index.to(index_type(width)))
        self.width, self.shape = width, shape

    def matrix(self) -> Tensor:
        empty = torch.zeros(len(self.values), self.width, dtype=self.values.dtype, device=self.values.device)
        return empty.scatter(1, self.index.to(torch.int64), self.values).view(self.shape)


class HeldCodes(Held):
    """A weight in 8 bits with a scale for each row; ONNX gets a DequantizeLinear, every other format a product.

    Parameters
    ----------
    codes : int8 Tensor [N, D]
    scale : float32 Tensor [N, 1]
    dtype : torch.dtype
        Of the dense weight.
    """

    codes: Tensor
    scale: Tensor

    def __init__(self, codes: Tensor, scale: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("codes", codes.detach().clone())
        self.register_buffer("scale", scale.detach().flatten().clone())
        self.dtype = dtype

    def matrix(self) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            wide = torch.onnx.ops.symbolic(
                "DequantizeLinear", (self.codes, self.scale), {"axis": 0}, dtype=self.scale.dtype, shape=self.codes.shape
            )
        else:
            wide = self.codes.to(self.scale.dtype) * self.scale[:, None]
        return wide.to(self.dtype)


class PlainLinear(nn.Module):
    """A linear layer whose weight is held in some form.

    Parameters
    ----------
    held : Held
    bias : Tensor [N] or None
    rounds : bool
        Whether every row of the inputs is rounded to 8 bits first.
    """

    def __init__(self, held: Held, bias: Tensor | None, *, rounds: bool = False) -> None:
        super().__init__()
        self.held, self.bias, self.rounds = held, kept(bias), rounds

    @property
    def weight(self) -> Tensor:
        """Dense weight, for networks that read it."""
        return self.held.matrix()

    def forward(self, x: Tensor) -> Tensor:
        if not self.rounds:
            return F.linear(x, self.held.matrix(), self.bias)
        steps = (x.abs().amax(-1, keepdim=True) / 127.5).clamp(min=LEAST)
        y = F.linear((x * (1.0 / steps)).round().clamp(-128, 127), self.held.matrix()) * steps
        return y if self.bias is None else y + self.bias


class GatheredLinear(nn.Module):
    """A linear layer that gathers the inputs of each output and multiplies them with its nonzeros.

    Parameters
    ----------
    values : Tensor [N, K]
    index : integer Tensor [N, K]
    width : int
        Number of inputs.
    bias : Tensor [N] or None
    """

    index: Tensor

    def __init__(self, values: Tensor, index: Tensor, width: int, bias: Tensor | None) -> None:
        super().__init__()
        self.values = nn.Parameter(values.detach().clone(), requires_grad=False)
        self.register_buffer("index", index.to(index_type(width)).flatten())
        self.width, self.bias = width, kept(bias)

    @property
    def weight(self) -> Tensor:
        """Dense weight, for networks that read it."""
        empty = self.values.new_zeros(len(self.values), self.width)
        return empty.scatter_add(1, self.index.to(torch.int64).view_as(self.values), self.values)

    def forward(self, x: Tensor) -> Tensor:
        seen = x.index_select(-1, self.index.to(torch.int64)).unflatten(-1, tuple(self.values.shape))
        y = (seen * self.values).sum(-1)
        return y if self.bias is None else y + self.bias


class PlainConv(ConvGeometry, nn.Module):
    """A convolution whose flattened kernel is held in some form.

    Parameters
    ----------
    conv : dict
        As `labkit.layers.convolution.geometry` returns it.
    held : Held
    bias : Tensor [out_channels] or None
    """

    def __init__(self, conv: dict[str, Any], held: Held, bias: Tensor | None) -> None:
        super().__init__()
        self.conv, self.held, self.bias = conv, held, kept(bias)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, self.held.matrix(), self.bias, self.conv)


class PlainSharedBasis(nn.Module):
    """Two products in place of a layer with a shared basis.

    Parameters
    ----------
    base : nn.Parameter [d, r]
        Shared by several layers.
    held : Held
        The factor [p, r].
    bias : Tensor or None
    widens : bool
        Whether the layer maps d to p rather than p to d.
    spatial : int
        Number of axes behind that of the channels; 0 for a linear layer.
    """

    def __init__(self, base: nn.Parameter, held: Held, bias: Tensor | None, *, widens: bool, spatial: int = 0) -> None:
        super().__init__()
        self.base, self.held, self.bias = base, held, kept(bias)
        self.widens, self.spatial = widens, spatial

    def forward(self, x: Tensor) -> Tensor:
        return over_channels(self._linear, x, self.spatial)

    def _linear(self, x: Tensor) -> Tensor:
        if self.widens:
            return F.linear(x @ self.base, self.held.matrix(), self.bias)
        return F.linear(x @ self.held.matrix(), self.base, self.bias)


def kept(bias: Tensor | None) -> nn.Parameter | None:
    """Return a copy of a bias as a parameter.

    Parameters
    ----------
    bias : Tensor or None

    Returns
    -------
    nn.Parameter or None
    """
    return None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)


def index_type(width: int) -> torch.dtype:
    """Return the smallest signed integer type that every runtime takes and that counts `width` places.

    Parameters
    ----------
    width : int

    Returns
    -------
    torch.dtype
    """
    return torch.int16 if width <= 2**15 else torch.int32
