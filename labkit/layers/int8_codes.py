"""8-bit codes of a weight and of activations, and products of codes: the numbers of torchao, at the speed of a float product."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit.kernels.op import is_traced

QUANTIZED = (torch.float32, torch.bfloat16, torch.float16)
LEAST = torch.finfo(torch.float32).eps  # of a scale
# Products of two codes are at most 2^14, so that sums over 2^10 of them are integers below 2^24, which float32 holds exactly.
EXACT = 1024


def codes_of(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantize the rows of a weight by torchao.

    Parameters
    ----------
    weight : Tensor [N, D]
        In float32, bfloat16 or float16.

    Returns
    -------
    codes : int8 Tensor [N, D]
        Integers -128 … 127.
    scale : float32 Tensor [N, 1]
        ``codes * scale`` is within half a scale of the weight.

    Raises
    ------
    TypeError
        If the weight has a dtype that torchao does not quantize.
    """
    if weight.dtype not in QUANTIZED:
        allowed = ", ".join(str(kind).removeprefix("torch.") for kind in QUANTIZED)
        raise TypeError(f"weights to quantize must be {allowed}, got {weight.dtype}; convert the model with .float() first")
    _import_quietly()
    from torchao.quantization import Int8Tensor, PerRow  # local: importing torchao takes a second

    width = weight.shape[1]
    rows = F.pad(weight.detach(), (0, 1)) if width == 1 else weight.detach().contiguous()  # torchao takes no single column
    quantized = Int8Tensor.from_hp(rows, PerRow())
    return quantized.qdata[:, :width].contiguous(), quantized.scale


def _import_quietly() -> None:
    """Import torchao without the message that torch logs about torchao's enum registration, on which users cannot act."""
    logger = logging.getLogger("torch.utils._pytree")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import torchao.quantization  # noqa: F401
    finally:
        logger.setLevel(before)


def linear_of_codes(x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None, *, dynamic: bool) -> Tensor:
    """Multiply with a quantized weight as torchao does, with straight-through gradients for the inputs.

    Parameters
    ----------
    x : floating Tensor [..., D]
    codes : int8 Tensor [N, D]
    scale : float32 Tensor [N, 1]
    bias : Tensor [N] or None
    dynamic : bool
        Whether to round the inputs too, row by row. The gradient is then that of the product with the unrounded inputs.

    Returns
    -------
    Tensor [..., N]
        In the dtype of `x`.
    """
    if dynamic:
        inputs, steps = _rounded_rows(x)
        with _full_precision(x):
            y = _product(inputs, codes) * steps
        y = y.to(x.dtype) * scale.flatten()
    else:
        y = F.linear(x, codes.to(x.dtype))
        y = y * scale.to(y.dtype).flatten()
    return (y if bias is None else y + bias).to(x.dtype)


def _full_precision(x: Tensor) -> AbstractContextManager:
    """Switch autocast off: in half precision a product of codes would be rounded."""
    if x.is_meta or not torch.is_autocast_enabled(x.device.type):
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)


def _rounded_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Codes of every row as floating-point integers, and the scale of each row."""
    wide = torch.promote_types(x.dtype, torch.float32)
    with torch.no_grad():
        steps = (x.abs().amax(-1, keepdim=True) / 127.5).clamp(min=LEAST).to(wide)
    exact = x * (1.0 / steps)
    rounded = exact.detach().round().clamp(-128, 127)
    if torch.jit.is_tracing() or (torch.is_grad_enabled() and x.requires_grad):  # a trace is of one form whatever the grad mode
        # exactly the rounded values, because both differences are exact, with the gradient of x
        rounded = exact + (rounded - exact).detach()
    return rounded, steps


def _product(inputs: Tensor, codes: Tensor) -> Tensor:
    """The product of two matrices of codes, exact up to one rounding to the dtype of the inputs.

    As floats, because without instructions for it (VNNI) an integer product on a CPU takes 10 to 40 times as long.
    """
    if _integers_pay(inputs):
        rows = inputs.reshape(-1, inputs.shape[-1]).to(torch.int8)
        return torch._int_mm(rows, codes.t()).reshape(*inputs.shape[:-1], len(codes)).to(inputs.dtype)
    width = codes.shape[1]
    if width <= EXACT or inputs.dtype == torch.float64:
        return F.linear(inputs, codes.to(inputs.dtype))
    total: Tensor | float = 0.0
    for start in range(0, width, EXACT):
        part = slice(start, start + EXACT)
        total = total + F.linear(inputs[..., part], codes[:, part].to(inputs.dtype)).double()
    return total.to(inputs.dtype)  # type: ignore[union-attr]


def _integers_pay(inputs: Tensor) -> bool:
    """Whether to multiply integers: on a CPU with instructions for it, outside autograd and tracing."""
    return (
        not is_traced()
        and inputs.device.type == "cpu"
        and type(inputs) is Tensor
        and has_vnni()
        and not inputs.requires_grad
        and inputs.numel() > 0
        and inputs.dtype == torch.float32
    )


@cache
def has_vnni() -> bool:
    """Return whether the processor has instructions for 8-bit products.

    Returns
    -------
    bool
    """
    return bool(torch.cpu._is_vnni_supported())
