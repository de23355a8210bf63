"""A linear layer with 8-bit weights, quantized by torchao."""

from __future__ import annotations

import logging
from typing import Any, Literal

import torch
from torch import nn

Mode = Literal["dynamic", "weight_only"]
QUANTIZED = (torch.float32, torch.bfloat16, torch.float16)


class Int8Linear(nn.Linear):
    """An nn.Linear whose weight is a torchao int8 tensor with one scale per output row; see `from_dense`."""

    mode: Mode = "dynamic"

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
        if linear.weight.dtype not in QUANTIZED:
            allowed = ", ".join(str(kind).removeprefix("torch.") for kind in QUANTIZED)
            raise TypeError(
                f"weights to quantize must be {allowed}, got {linear.weight.dtype}; convert the model with .float() first"
            )
        layer = cls(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        layer.weight = nn.Parameter(linear.weight.detach().clone(), requires_grad=False)
        layer.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone())
        layer._quantize(mode)
        return layer.train(linear.training)

    def _quantize(self, mode: Mode) -> None:
        _import_quietly()
        from torchao.quantization import quantize_  # local: importing torchao takes a second

        quantize_(self, _config(mode))
        self.mode = mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.numel() == 0:  # torchao cannot compute the range of an empty batch
            return x.new_zeros(*x.shape[:-1], self.out_features)
        return super().forward(x)

    def to_dense(self) -> nn.Linear:
        """Return a dense layer with the dequantized weight.

        Returns
        -------
        nn.Linear
            In floating point.
        """
        linear = nn.Linear(self.in_features, self.out_features, self.bias is not None, device="meta")
        linear.weight = nn.Parameter(self.weight.dequantize().detach().clone())
        if self.bias is not None:
            linear.bias = nn.Parameter(self.bias.detach().clone())
        return linear.train(self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        shape = {"in_features": self.in_features, "out_features": self.out_features}
        dtype = str(self.weight.dtype).removeprefix("torch.")  # of the dequantized values and the scales
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
        linear = nn.Linear(in_features, out_features, bias, dtype=getattr(torch, dtype))
        nn.init.zeros_(linear.weight)
        return cls.from_dense(linear, mode=mode)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, mode={self.mode}, bias={self.bias is not None}"


def _import_quietly() -> None:
    """Import torchao without the message that torch logs about torchao's enum registration, on which users cannot act."""
    logger = logging.getLogger("torch.utils._pytree")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import torchao.quantization  # noqa: F401
    finally:
        logger.setLevel(before)


def _config(mode: Mode) -> Any:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

    configs = {"dynamic": Int8DynamicActivationInt8WeightConfig, "weight_only": Int8WeightOnlyConfig}
    if mode not in configs:
        raise ValueError(f"mode must be 'dynamic' or 'weight_only', got {mode!r}")
    return configs[mode]()


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
