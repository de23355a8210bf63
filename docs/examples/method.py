"""Prune to the largest weights of each row: a compression method in one file."""

import copy

import torch
from torch import nn

from labkit.compress import Choice, Method, Param, register, select_layers


def apply(model, *, data=None, seed=0, progress=None, density=0.5, layers="all"):
    """Keep the largest weights of every output."""
    small = copy.deepcopy(model)  # the input stays untouched
    for layer in select_layers(small, layers, (nn.Linear,)).values():
        weight = layer.weight.detach()
        kept = max(1, round(density * weight.shape[1]))
        threshold = weight.abs().topk(kept, dim=1).values[:, -1:]
        with torch.no_grad():
            layer.weight.mul_(weight.abs() >= threshold)
    return small


register(
    Method(
        name="row_pruning",
        title="Pruning by row",
        paper="",
        apply=apply,
        params={
            "density": Param(0.05, 1.0, default=0.5, step=0.05, help="fraction of the weights of each row that stays"),
            "layers": Choice(("all", "inner", "mlp"), "all", help="which layers", free=True),
        },
    )
)
