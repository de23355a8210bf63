"""A linear layer with 8-bit weights, quantized by torchao."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labkit.layers.dense import dense_linear
from labkit.layers.drop_in import DenseWeight
from labkit.layers.given import finite_weight
from labkit.layers.int8_codes import codes_of, linear_of_codes
from labkit.layers.int8_weight import Int8Weight, Mode


class Int8Linear(DenseWeight, Int8Weight, nn.Linear):  # type: ignore[misc, override]
    """Drop-in for nn.Linear with 8-bit weights and one scale per output; see `from_dense`.

    Outputs equal those of torchao's int8 tensors bit for bit. On a processor without instructions for 8-bit products the integers
    are multiplied as floats, which is many times faster and as exact. ``weight`` is the weight in floating point.

    Parameters
    ----------
    codes : int8 Tensor [out_features, in_features]
    scale : float32 Tensor [out_features, 1]
        ``codes * scale`` is the weight.
    bias : Tensor [out_features], optional
        Added to the outputs.
    mode : {"dynamic", "weight_only"}
        Whether activations are quantized too.
    dtype : torch.dtype
        Of the weight in floating point.

    Raises
    ------
    ValueError
        If the mode is unknown, or the shape of the scales does not match.
    """

    def __init__(
        self,
        codes: Tensor,
        scale: Tensor,
        bias: Tensor | None = None,
        *,
        mode: Mode = "dynamic",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        nn.Module.__init__(self)
        self.out_features, self.in_features = codes.shape
        self._set_up(codes, scale, bias, dtype, mode)

    @classmethod
    def from_dense(cls, linear: nn.Linear, *, mode: Mode = "dynamic") -> Int8Linear:
        """Quantize a copy of a layer.

        Parameters
        ----------
        linear : nn.Linear
            Layer in float32, bfloat16 or float16; not changed.
        mode : {"dynamic", "weight_only"}
            "dynamic" also quantizes activations, at run time; "weight_only" keeps them in floating point.

        Returns
        -------
        Int8Linear
            The quantized layer.

        Raises
        ------
        ValueError
            If the mode is unknown.
        TypeError
            If the weight has a dtype that torchao does not quantize.
        """
        return cls(*codes_of(finite_weight(linear)), linear.bias, mode=mode, dtype=linear.weight.dtype).train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        self.check_input(x)
        return linear_of_codes(x, self.codes, self.scale, self.bias, dynamic=self.mode == "dynamic")

    def to_dense(self) -> nn.Linear:
        """Return a dense layer with the dequantized weight.

        Returns
        -------
        nn.Linear
            In floating point.
        """
        return dense_linear(self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        shape = {"in_features": self.in_features, "out_features": self.out_features}
        dtype = str(self.dtype).removeprefix("torch.")
        return {**shape, "bias": self.bias is not None, "mode": self.mode, "dtype": dtype}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, bias: bool, mode: Mode, dtype: str = "float32") -> Int8Linear:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        in_features, out_features : int
            Shape of the layer.
        bias : bool
            Whether the layer has a bias.
        mode : {"dynamic", "weight_only"}
            As for `from_dense`.
        dtype : str
            Floating-point dtype of the dequantized weight.

        Returns
        -------
        Int8Linear
            To be filled by ``load_state_dict``.
        """
        kind = getattr(torch, dtype)
        codes, scale = torch.zeros(out_features, in_features, dtype=torch.int8), torch.ones(out_features, 1)
        return cls(codes, scale, torch.zeros(out_features, dtype=kind) if bias else None, mode=mode, dtype=kind)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, mode={self.mode}, bias={self.bias is not None}"


def wrapped_parts(tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the plain tensors inside a tensor subclass.

    Parameters
    ----------
    tensor : Tensor
        Any tensor.

    Returns
    -------
    dict
        Name -> tensor; empty for a plain tensor.
    """
    if not hasattr(tensor, "__tensor_flatten__"):
        return {}
    names, _ = tensor.__tensor_flatten__()
    return {name: getattr(tensor, name) for name in names if getattr(tensor, name) is not None}
