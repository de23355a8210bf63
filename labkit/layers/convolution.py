"""What a convolution is apart from its weight: its geometry as plain JSON, and the convolution with any weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
FUNCTIONS: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def geometry(conv: nn.Module) -> dict:
    """Return the constructor arguments of a convolution in JSON types.

    Parameters
    ----------
    conv : nn.Conv1d, nn.Conv2d or nn.Conv3d
        A convolution.

    Returns
    -------
    dict
        Keyword arguments of its class, without bias; ``padding_mode`` only where it is not "zeros".

    Examples
    --------
    >>> geometry(nn.Conv1d(2, 4, 3, padding="same"))["padding"]
    'same'
    """
    padding = conv.padding if isinstance(conv.padding, str) else list(conv.padding)  # type: ignore[arg-type]
    found = {
        "in_channels": conv.in_channels,
        "out_channels": conv.out_channels,
        "kernel_size": list(conv.kernel_size),  # type: ignore[arg-type]
        "stride": list(conv.stride),  # type: ignore[arg-type]
        "padding": padding,
        "dilation": list(conv.dilation),  # type: ignore[arg-type]
        "groups": conv.groups,
    }
    return found if conv.padding_mode == "zeros" else {**found, "padding_mode": conv.padding_mode}


def kernel_shape(conv: dict) -> tuple[int, ...]:
    """Return the shape of the kernel of one output channel.

    Parameters
    ----------
    conv : dict
        As `geometry` returns it.

    Returns
    -------
    tuple of int
        Input channels of a group, then the size along every dimension.
    """
    return conv["in_channels"] // conv["groups"], *conv["kernel_size"]


def check_rows(conv: dict, rows: Tensor) -> None:
    """Check that a flattened weight fits a geometry.

    Parameters
    ----------
    conv : dict
        As `geometry` returns it.
    rows : Tensor

    Raises
    ------
    ValueError
        If the shape is not [out_channels, entries of a kernel].
    """
    wanted = [conv["out_channels"], torch.Size(kernel_shape(conv)).numel()]
    if list(rows.shape) != wanted:
        raise ValueError(f"the flattened weight must have shape {wanted}, got {list(rows.shape)}")


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, conv: dict) -> Tensor:
    """Convolve as the layer that a geometry describes does, padding mode included.

    Parameters
    ----------
    x : Tensor [B, in_channels, ...] or [in_channels, ...]
    weight : Tensor [out_channels, ...]
        Whose rows hold the kernels, flattened or not.
    bias : Tensor [out_channels] or None
    conv : dict
        As `geometry` returns it.

    Returns
    -------
    Tensor [B, out_channels, ...]
    """
    padding: Any = conv["padding"] if isinstance(conv["padding"], str) else tuple(conv["padding"])
    mode = conv.get("padding_mode", "zeros")
    if mode != "zeros":
        x, padding = F.pad(x, _both_sides(conv), mode=mode), 0
    function = FUNCTIONS[len(conv["kernel_size"])]
    kernel = weight.view(-1, *kernel_shape(conv))
    return function(x, kernel, bias, tuple(conv["stride"]), padding, tuple(conv["dilation"]), conv["groups"])


def _both_sides(conv: dict) -> list[int]:
    """Padding before and after every dimension, the last dimension first, as `F.pad` takes it."""
    sides: list[int] = []
    for i in reversed(range(len(conv["kernel_size"]))):
        if conv["padding"] == "same":
            total = conv["dilation"][i] * (conv["kernel_size"][i] - 1)
            sides += [total // 2, total - total // 2]
        else:
            sides += [0, 0] if conv["padding"] == "valid" else [conv["padding"][i]] * 2
    return sides


def dense_convolution(conv: dict, weight: Tensor, bias: Tensor | None, *, training: bool) -> nn.Module:
    """Build a convolution from tensors, without random initialisation.

    Parameters
    ----------
    conv : dict
        As `geometry` returns it.
    weight : Tensor [out_channels, ...]
        Used without a copy.
    bias : Tensor [out_channels] or None
        Copied.
    training : bool
        Mode of the layer.

    Returns
    -------
    nn.Conv1d, nn.Conv2d or nn.Conv3d
        With these parameters.
    """
    layer = CONVOLUTIONS[len(conv["kernel_size"])](**conv, bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach().view(-1, *kernel_shape(conv)))
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer.train(training)


def short(conv: dict) -> str:
    """Return a geometry as the first part of a layer's ``extra_repr``.

    Parameters
    ----------
    conv : dict
        As `geometry` returns it.

    Returns
    -------
    str
    """
    return f"{conv['in_channels']}, {conv['out_channels']}, kernel_size={tuple(conv['kernel_size'])}"


def zeros_for(conv: dict, bias: bool) -> tuple[Tensor, Tensor | None]:
    """Return a weight [out_channels, entries of a kernel] and a bias of zeros.

    Parameters
    ----------
    conv : dict
        As `geometry` returns it.
    bias : bool

    Returns
    -------
    weight : Tensor [out_channels, entries]
    bias : Tensor [out_channels] or None
    """
    entries = torch.Size(kernel_shape(conv)).numel()
    return torch.zeros(conv["out_channels"], entries), torch.zeros(conv["out_channels"]) if bias else None
