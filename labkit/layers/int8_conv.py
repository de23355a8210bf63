"""A convolution with 8-bit weights and one scale per output channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labkit.layers.convolution import check_rows, convolve, dense_convolution, geometry, kernel_shape, short, zeros_for
from labkit.layers.drop_in import ConvGeometry, DenseWeight
from labkit.layers.given import finite_weight
from labkit.layers.int8_codes import codes_of
from labkit.layers.int8_weight import Int8Weight


class Int8Conv(DenseWeight, ConvGeometry, Int8Weight):
    """Drop-in for nn.Conv1d, nn.Conv2d and nn.Conv3d with 8-bit weights, grouped and depthwise ones too.

    The weight is expanded on every call, and activations stay in floating point.

    Parameters
    ----------
    conv : dict
        Keyword arguments of the dense class, as `labkit.layers.convolution.geometry` returns them.
    codes : int8 Tensor [out_channels, entries of a kernel]
    scale : float32 Tensor [out_channels, 1]
        ``codes * scale`` is the flattened weight.
    bias : Tensor [out_channels], optional
        Added to the outputs.
    dtype : torch.dtype
        Of the weight in floating point.

    Raises
    ------
    ValueError
        If the shape of codes or scales does not match.
    """

    def __init__(
        self, conv: dict, codes: Tensor, scale: Tensor, bias: Tensor | None = None, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        check_rows(conv, codes)
        self.conv = conv
        self._set_up(codes, scale, bias, dtype, "weight_only")

    @classmethod
    def from_dense(cls, conv: nn.Module) -> Int8Conv:
        """Quantize a copy of a convolution.

        Parameters
        ----------
        conv : nn.Conv1d, nn.Conv2d or nn.Conv3d
            In float32, bfloat16 or float16; not changed.

        Returns
        -------
        Int8Conv
            The quantized layer.

        Raises
        ------
        TypeError
            If the weight has a dtype that torchao does not quantize.

        Examples
        --------
        >>> Int8Conv.from_dense(nn.Conv2d(4, 8, 3, groups=2))
        Int8Conv(4, 8, kernel_size=(3, 3), bias=True)
        """
        weight = finite_weight(conv)
        codes, scale = codes_of(weight.flatten(1))
        return cls(geometry(conv), codes, scale, conv.bias, dtype=weight.dtype).train(conv.training)  # type: ignore[arg-type]

    def dense(self) -> Tensor:
        """Return the kernel that the codes stand for.

        Returns
        -------
        Tensor [out_channels, in_channels / groups, ...]
            In the dtype of the layer.
        """
        return super().dense().view(-1, *kernel_shape(self.conv))

    def forward(self, x: Tensor) -> Tensor:
        self.check_input(x)
        return convolve(x, self.dense(), self.bias, self.conv)

    def to_dense(self) -> nn.Module:
        """Return a dense layer with the dequantized weight.

        Returns
        -------
        nn.Conv1d, nn.Conv2d or nn.Conv3d
            In floating point.
        """
        return dense_convolution(self.conv, self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        return {"conv": self.conv, "bias": self.bias is not None, "dtype": str(self.dtype).removeprefix("torch.")}

    @classmethod
    def from_spec(cls, conv: dict, bias: bool, dtype: str = "float32") -> Int8Conv:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        conv : dict
            Keyword arguments of the dense class.
        bias : bool
            Whether the layer has a bias.
        dtype : str
            Floating-point dtype of the dequantized weight.

        Returns
        -------
        Int8Conv
            To be filled by ``load_state_dict``.
        """
        kind = getattr(torch, dtype)
        weight, added = zeros_for(conv, bias)
        added = None if added is None else added.to(kind)
        return cls(conv, weight.to(torch.int8), torch.ones(len(weight), 1), added, dtype=kind)

    def extra_repr(self) -> str:
        return f"{short(self.conv)}, bias={self.bias is not None}"
