"""What code around a layer may read of it beside calling it: the dense weight and the geometry of nn.Linear and nn.Conv2d."""

from __future__ import annotations

from typing import Any

from torch import Tensor


class DenseWeight:
    """Adds ``weight``, the dense weight, computed at every access; for layers that hold their weight in another form.

    Networks read ``layer.weight.device``, or multiply with ``layer.weight`` themselves. Gradients flow to the stored form; the
    state dict has no such key.
    """

    @property
    def weight(self) -> Tensor:
        """Dense weight, as nn.Linear or nn.Conv2d would hold it."""
        return self.dense()  # type: ignore[attr-defined]


class ConvGeometry:
    """Adds the attributes of a convolution that is described by ``self.conv``, keyword arguments of nn.Conv2d."""

    conv: dict[str, Any]
    transposed = False
    output_padding = (0, 0)

    @property
    def padding_mode(self) -> str:
        """How the borders are padded."""
        return self.conv.get("padding_mode", "zeros")

    @property
    def in_channels(self) -> int:
        """Number of input channels."""
        return self.conv["in_channels"]

    @property
    def out_channels(self) -> int:
        """Number of output channels."""
        return self.conv["out_channels"]

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Size of the kernel."""
        return tuple(self.conv["kernel_size"])

    @property
    def stride(self) -> tuple[int, ...]:
        """Stride."""
        return tuple(self.conv["stride"])

    @property
    def padding(self) -> str | tuple[int, ...]:
        """Padding, or its name."""
        return self.conv["padding"] if isinstance(self.conv["padding"], str) else tuple(self.conv["padding"])

    @property
    def dilation(self) -> tuple[int, ...]:
        """Dilation."""
        return tuple(self.conv["dilation"])

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.conv["groups"]
