"""Which layers a method touches, and putting new ones in their place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from labkit.compress.mlps import find_mlps
from labkit.layers import replace_layer

Layers = str | Sequence[str] | Callable[[str, nn.Module], bool]


def select_layers(
    model: nn.Module, layers: Layers = "all", kinds: tuple[type[nn.Module], ...] = (nn.Linear,)
) -> dict[str, nn.Module]:
    """Return path -> layer of every layer of `kinds` that the filter takes, in module order.

    Parameters
    ----------
    model : nn.Module
    layers : "all", "inner", "mlp", a pattern such as ``"blocks.*.mlp.fc1"``, a list of patterns, or callable (path, layer) -> bool
        "inner" leaves out the first and the last layer, which most works keep dense.
        "mlp" takes the linear layers of transformer feed-forward blocks, as `find_mlps` finds them.
    kinds : tuple of classes

    Returns
    -------
    dict of str to nn.Module

    Raises
    ------
    ValueError
        When nothing matches, or a weight is not finite.
    TypeError
        When the filter is neither strings nor a callable.
    """
    _check_filter(layers)
    found = {path: layer for path, layer in _candidates(model, kinds) if _takes(layers, path, layer)}
    if layers == "inner":
        ends = _ends(model)
        found = {path: layer for path, layer in found.items() if path not in ends}
    elif layers == "mlp":
        found = {path: found[path] for mlp in find_mlps(model) for path in mlp.paths if path in found}
    if not found:
        known = [path for path, _ in _candidates(model, kinds)]
        some = ", ".join(known[:4]) + (", …" if len(known) > 4 else "")
        raise ValueError(
            f"no layer matches layers={layers!r}; the model has {some or 'no ' + ' or '.join(k.__name__ for k in kinds)}"
        )
    for path, layer in found.items():
        if not torch.isfinite(layer.weight).all():  # type: ignore[arg-type]
            raise ValueError(f"layer {path!r} has NaN or infinite weights; compress a network whose training has converged")
    return found


def _candidates(model: nn.Module, kinds: tuple[type[nn.Module], ...]) -> list[tuple[str, nn.Module]]:
    """Layers of `kinds` that a drop-in can stand for: none that computes something else (weight standardisation, dynamic padding),
    and none inside nn.MultiheadAttention, which reads the weights past their forward.
    """
    closed = tuple(f"{path}." for path, module in model.named_modules() if isinstance(module, nn.MultiheadAttention))
    plain = [(path, module) for path, module in model.named_modules() if isinstance(module, kinds) and _is_plain(module)]
    return [(path, module) for path, module in plain if not path.startswith(closed or "\0")]


def _is_plain(layer: nn.Module) -> bool:
    """Whether the layer computes as nn.Linear or nn.Conv2d does; subclasses that override forward do not."""
    inherited = all(
        getattr(type(layer), name, None) is getattr(kind, name, None)
        for kind in (nn.Linear, nn.Conv2d)
        if isinstance(layer, kind)
        for name in ("forward", "_conv_forward")
    )
    return inherited and not is_wrapped(layer)


def _ends(model: nn.Module) -> set[str]:
    """The first and the last layer with a weight matrix or kernel, in module order."""
    paths = [path for path, _ in _candidates(model, (nn.Linear, nn.modules.conv._ConvNd))]
    return {paths[0], paths[-1]} if paths else set()


def is_wrapped(layer: nn.Module) -> bool:
    """Whether the weight is a tensor subclass already, e.g. quantized."""
    return hasattr(layer.weight, "__tensor_flatten__")


def check_float32(model: nn.Module, who: str) -> None:
    """Check that a network can be computed with in float32 on the processor.

    Parameters
    ----------
    model : nn.Module
        A network or a layer.
    who : str
        The method, for the message.

    Raises
    ------
    TypeError
        When a parameter has another dtype or is on another device.
    """
    for name, weight in model.named_parameters():
        if weight.dtype != torch.float32 or weight.device.type != "cpu":
            raise TypeError(
                f"{who} needs float32 weights on the processor, got {weight.dtype} on {weight.device} in {name}; "
                "call .float().cpu()"
            )


def _check_filter(layers: Layers) -> None:
    words = isinstance(layers, str) or (isinstance(layers, Sequence) and all(isinstance(word, str) for word in layers))
    if not (words or callable(layers)):
        raise TypeError(f"layers must be 'all', 'inner', 'mlp', a pattern, a list of patterns or a callable, got {layers!r}")


def _takes(layers: Layers, path: str, layer: nn.Module) -> bool:
    """Whether a filter takes the layer by itself; which of all are at an end or in a block is for `select_layers`."""
    if callable(layers):
        return bool(layers(path, layer))
    if layers in ("all", "inner", "mlp"):
        return True
    patterns = [layers] if isinstance(layers, str) else layers
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def replaced(model: nn.Module, new_layers: dict[str, nn.Module]) -> nn.Module:
    """Return a copy of a network with new layers; a layer that is used in several places is replaced in all of them.

    Parameters
    ----------
    model : nn.Module
        Not modified.
    new_layers : dict of str to nn.Module
        By path.

    Returns
    -------
    nn.Module
    """
    old = {id(model.get_submodule(path)): layer for path, layer in new_layers.items()}
    if "" in new_layers:  # the model is itself one layer
        return new_layers[""]
    result = copy.deepcopy(model)
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if id(module) in old:
            replace_layer(result, path, old[id(module)])
    return result
