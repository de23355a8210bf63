"""`Int8Weight`: what the 8-bit layers have in common, codes and one scale per output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from labkit.words import shortly

Mode = Literal["dynamic", "weight_only"]
MODES = ("dynamic", "weight_only")


class Int8Weight(nn.Module):
    """A weight in 8 bits; base class of the quantized layers. The weight is fixed: gradients reach the inputs and the bias.

    Attributes
    ----------
    codes : int8 Tensor [N, D]
        A buffer.
    scale : float32 Tensor [N, 1]
        A buffer; it stays float32 when the network is cast.
    bias : nn.Parameter [N] or None
        Added to the outputs.
    dtype : torch.dtype
        Of the weight that the codes stand for.
    """

    codes: Tensor
    scale: Tensor
    bias: nn.Parameter | None
    dtype: torch.dtype
    mode: Mode
    storage_kinds: ClassVar[dict[str, str]] = {"codes": "values"}  # kind of storage for `labkit.cost`

    def _set_up(self, codes: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype, mode: Mode) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be 'dynamic' or 'weight_only', got {shortly(mode)}")
        if list(scale.shape) != [len(codes), 1]:
            raise ValueError(f"scale must have shape [{len(codes)}, 1], got {list(scale.shape)}")
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.dtype, self.mode = dtype, mode

    def dense(self) -> Tensor:
        """Return the weight that the codes stand for.

        Returns
        -------
        Tensor [N, D]
            In the dtype of the layer.
        """
        return (self.codes.to(self.scale.dtype) * self.scale).to(self.dtype)

    def check_input(self, x: Tensor) -> None:
        """Check that an input has a dtype that the layer takes.

        Parameters
        ----------
        x : Tensor

        Raises
        ------
        TypeError
            For any other than that of the layer, as of nn.Linear; under autocast any floating one.
        """
        cast = x.is_floating_point() and not x.is_meta and torch.is_autocast_enabled(x.device.type)
        if x.dtype != self.dtype and not cast:
            name, kind = str(self.dtype).removeprefix("torch."), type(self).__name__
            raise TypeError(f"{kind} of {name} takes inputs of {name}, got {x.dtype}; convert them with .to(torch.{name})")

    def _apply(self, fn: Callable[[Tensor], Tensor], *arguments: Any, **options: Any) -> Any:
        """Move codes and scale, and cast only what they stand for."""
        scale = self.scale
        result = super()._apply(fn, *arguments, **options)
        if self.scale.dtype != scale.dtype:
            self.scale = scale.to(self.scale.device)
        self.dtype = fn(torch.empty(0, dtype=self.dtype, device=scale.device)).dtype
        return result

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *arguments: Any, **options: Any) -> None:
        """Accept the state of labkit 0.1, in which the weight was a torchao tensor."""
        old = state_dict.get(f"{prefix}weight")
        if hasattr(old, "qdata"):
            del state_dict[f"{prefix}weight"]
            state_dict[f"{prefix}codes"], state_dict[f"{prefix}scale"] = old.qdata, old.scale  # type: ignore[union-attr]
        super()._load_from_state_dict(state_dict, prefix, *arguments, **options)
