"""Diagnosis of a non-finite loss: where the first NaN or infinity arose."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Hook = Callable[[nn.Module, object, object], None]


class NonFiniteLoss(ValueError):
    """The loss became NaN or infinite; the weights are those from before the failing step."""


def describe(model: nn.Module, x: Tensor) -> str:
    """Find where non-finite values first appear: in the batch, a weight, or the output of a layer.

    Parameters
    ----------
    model : nn.Module
        The model.
    x : Tensor
        Inputs of the failing batch.

    Returns
    -------
    str
        Cause and remedy.
    """
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
    """Run the model again with hooks on its leaf modules and return the first with non-finite output."""
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
