"""A loss that is not finite stops training, and the sentence says where the first bad number arose."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Hook = Callable[[nn.Module, object, object], None]


class NonFiniteLoss(ValueError):
    """Training stopped because the loss became NaN or infinite; the weights are those before the failing step."""


def describe(model: nn.Module, x: Tensor) -> str:
    """Say in a few words where non-finite numbers first appear: the batch, a weight, or a layer's output."""
    if not torch.isfinite(x).all():
        return "the batch itself holds non-finite inputs; check the data"
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"weight {name!r} is not finite; lower the learning rate or clip gradients"
    layer = _first_bad_layer(model, x)
    if layer is None:
        return "all layers are finite, so the loss itself overflows; check labels and targets"
    return f"layer {layer!r} is the first with non-finite output; lower the learning rate or clip gradients"


def _first_bad_layer(model: nn.Module, x: Tensor) -> str | None:
    """Run once more with hooks on the leaf modules; the first to report is the first in the order of execution."""
    bad: list[str] = []

    def hook_for(name: str) -> Hook:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            tensors = output if isinstance(output, (tuple, list)) else (output,)
            if any(isinstance(t, Tensor) and not torch.isfinite(t).all() for t in tensors):
                bad.append(name)

        return hook

    leaves = [(name, module) for name, module in model.named_modules() if not any(True for _ in module.children())]
    handles = [module.register_forward_hook(hook_for(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return bad[0] if bad else None
