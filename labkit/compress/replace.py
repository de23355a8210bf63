"""Putting new layers in the place of old ones, in a copy of a network, with everything that belonged to the old ones."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from labkit.compress.selection import remembered
from labkit.cost import bytes_by_kind
from labkit.layers import add_notes, replace_layer
from labkit.layers.closed import held_by
from labkit.layers.copying import copied
from labkit.layers.hooks import called_hooks, take_over
from labkit.layers.sentences import listed
from labkit.layers.ties import twin_of


def replaced(model: nn.Module, new_layers: dict[str, nn.Module]) -> nn.Module:
    """Return a copy of a network with new layers; a layer that is used in several places is replaced in all of them.

    A new layer takes over the hooks and the ``requires_grad`` flags of the old one, and layers that shared the weight of the old
    one share that of the new one. What `select_layers` left out, and what else there is to say, is attached as notes
    (`labkit.layers.notes_of`).

    Parameters
    ----------
    model : nn.Module
        Not modified.
    new_layers : dict of str to nn.Module
        By path.

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        When the network cannot be copied, or a path is not in it.
    """
    selection = remembered(model, set(new_layers))
    old = {path: model.get_submodule(path) for path in new_layers}
    new = dict(new_layers)
    for path, leader in selection.twins.items():
        if leader in new and path not in new:
            old[path] = model.get_submodule(path)
            new[path] = old[path] if new[leader] is old[leader] else twin_of(new[leader], old[path])
    _keep_flags(old, new)
    result = copied(model)
    by_layer = {id(old[path]): layer for path, layer in new.items() if layer is not old[path]}
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if id(module) not in by_layer:
            continue
        if path == "":  # the model is itself one layer
            take_over(result, by_layer[id(module)])
            result = by_layer[id(module)]
            break
        replace_layer(result, path, by_layer[id(module)])
    return add_notes(result, *selection.notes, *_lost(model), *_larger(model, result))


def _keep_flags(old: dict[str, nn.Module], new: dict[str, nn.Module]) -> None:
    """Freeze new layers whose old layer was frozen; a parameter that several new layers share is trained if one of them is."""
    trained: dict[int, bool] = {}
    parameters: dict[int, nn.Parameter] = {}
    for path, layer in new.items():
        weights = [parameter for name, parameter in old[path].named_parameters() if not _is_bias(name)]
        biases = [parameter for name, parameter in old[path].named_parameters() if _is_bias(name)]
        for name, parameter in layer.named_parameters():
            likes = (biases if _is_bias(name) else weights) or weights or biases
            flag = parameter.requires_grad and any(other.requires_grad for other in likes)
            trained[id(parameter)] = trained.get(id(parameter), False) or flag
            parameters[id(parameter)] = parameter
    for key, parameter in parameters.items():
        if parameter.requires_grad and not trained[key]:
            parameter.requires_grad_(False)


def _is_bias(name: str) -> bool:
    return "bias" in name.split(".")[-1] or "parametrizations.bias" in name


def _lost(model: nn.Module) -> Iterator[str]:
    """Sentences about hooks that a copy does not have, or that still refer to the original."""
    hooked = [
        name
        for name, parameter in model.named_parameters()
        if any(not _is_labkits(hook) for hook in (parameter._backward_hooks or {}).values())
    ]
    if hooked:
        yield f"hooks on the gradients of {listed(hooked)} are not copied; register them again on the compressed network"
    own = {id(module) for module in model.modules()}
    for path, module in model.named_modules():
        if any(id(held) in own for hook in called_hooks(module) for held in held_by(hook)):
            yield f"a hook on {path or 'the network'} refers to layers of the original network, not of the compressed one"


def _is_labkits(hook: object) -> bool:
    return str(getattr(hook, "__module__", "")).startswith("labkit.")


def _larger(model: nn.Module, result: nn.Module) -> Iterator[str]:
    """A sentence where the copy takes more bytes than the original."""
    if any(tensor.is_meta for tensor in (*model.parameters(), *result.parameters())):
        return
    with torch.no_grad():
        before, after = (sum(bytes_by_kind(network).values()) for network in (model, result))
    if after > before:
        yield f"the compressed network is larger than the original: {after:,} bytes in place of {before:,}"
