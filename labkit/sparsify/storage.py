"""Condensed storage of a network: which rules can have it, and how a layer is replaced."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn

from labkit.layers import replace_layer
from labkit.sparsify.condensed import CondensedLayer
from labkit.sparsify.masked import MaskedLayer
from labkit.sparsify.update_rule import UpdateRule


def check_condensed(rule: UpdateRule) -> None:
    """Raise ValueError for a rule without fixed fan-in, and for one that changes it where several processes train together."""
    if not hasattr(rule, "change"):
        raise ValueError(
            f"storage='condensed' needs a rule with a fixed fan-in and a method change(); {type(rule).__name__} has none, "
            "use storage='masked'"
        )
    if rule.ablates and processes() > 1:
        raise ValueError(
            "storage='condensed' with neuron ablation changes the shape of parameters, which "
            "DistributedDataParallel cannot follow; use storage='masked' or a rule without ablation"
        )


def processes() -> int:
    """Processes of the group that train together."""
    return torch.distributed.get_world_size() if torch.distributed.is_available() and torch.distributed.is_initialized() else 1


def keep_indices_local(model: nn.Module) -> None:
    """Exclude indices from the buffers that DistributedDataParallel broadcasts.

    They are equal in every process, and gloo and NCCL do not send 16-bit integers.
    """
    indices = [
        name for name, buffer in model.named_buffers() if name.rpartition(".")[2] == "index" and not buffer.is_floating_point()
    ]
    ignored = getattr(model, "_ddp_params_and_buffers_to_ignore", [])
    nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, [*ignored, *indices])


def in_condensed_form(model: nn.Module, layer: MaskedLayer, closed: Collection[str] = ()) -> MaskedLayer | CondensedLayer:
    """Replace a linear layer by its condensed form; other layers, and those whose paths are in `closed`, stay masked."""
    path, _, kind = layer.name.rpartition(".")
    dense = model.get_submodule(path)
    if type(dense) is not nn.Linear or kind != "weight" or not path or path in closed:
        return layer
    made = CondensedLayer(layer.name, dense, layer.mask, layer.nonzeros, layer.ablates)
    layer.detach()
    for place, module in list(model.named_modules(remove_duplicate=False)):
        if module is dense:
            replace_layer(model, place, made.layer)
    return made
