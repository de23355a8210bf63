"""Which layers of a model are not what its architecture file builds: a list in plain JSON from which they can be rebuilt."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.layers.bitmask import BitmaskLinear
from labkit.layers.fixed_fan_in import FixedFanInLinear
from labkit.layers.fixed_fan_in_conv import FixedFanInConv2d
from labkit.layers.fixed_fan_in_mlp import FixedFanInMLP
from labkit.layers.int8 import Int8Linear
from labkit.layers.low_rank import LowRankConv2d, LowRankLinear
from labkit.layers.shared_basis import SharedBasisLinear
from labkit.messages import unknown_name

KINDS = (
    BitmaskLinear,
    FixedFanInConv2d,
    FixedFanInLinear,
    FixedFanInMLP,
    Int8Linear,
    LowRankConv2d,
    LowRankLinear,
    SharedBasisLinear,
)
LAYERS: dict[str, Any] = {kind.__name__: kind for kind in KINDS}


def register_layer(kind: type[nn.Module]) -> type[nn.Module]:
    """Make a layer class known to manifests (usable as a decorator).

    The class needs ``spec() -> dict`` of JSON types and ``from_spec(**spec)`` that builds an empty layer of the same shape.

    Raises
    ------
    TypeError
        When a method is missing.
    """
    for method in ("spec", "from_spec"):
        if not callable(getattr(kind, method, None)):
            raise TypeError(f"{kind.__name__} has no method {method}, which a manifest needs to rebuild it")
    LAYERS[kind.__name__] = kind
    return kind


def describe_layers(model: nn.Module) -> dict[str, dict]:
    """Return path -> {"type", "spec"} of every registered layer; the second place of a shared one is {"same_as": path}."""
    kinds = tuple(LAYERS.values())
    first: dict[int, str] = {}
    entries: dict[str, dict] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if not isinstance(module, kinds):
            continue
        if id(module) in first:
            entries[path] = {"same_as": first[id(module)]}
        else:
            first[id(module)] = path
            entries[path] = {"type": type(module).__name__, "spec": module.spec()}
    return entries


def rebuild_layers(model: nn.Module, manifest: dict[str, dict]) -> nn.Module:
    """Put empty layers of the manifest's shapes into `model` (in place) and return it.

    Raises
    ------
    ValueError
        When a layer type is unknown (its plugin is not loaded), or the model has no such path.
    """
    for path, entry in manifest.items():
        if "same_as" in entry:
            replace_layer(model, path, model.get_submodule(entry["same_as"]))
            continue
        layer = empty_layer(entry)
        if path == "":
            return layer
        replace_layer(model, path, layer)
    return model


def empty_layer(entry: dict) -> nn.Module:
    """Build the layer that {"type", "spec"} describes; ValueError for an unknown type."""
    if entry["type"] not in LAYERS:
        raise unknown_name("layer type", entry["type"], LAYERS, "a plugin's layers need the plugin loaded first")
    return LAYERS[entry["type"]].from_spec(**entry["spec"])


def replace_layer(model: nn.Module, path: str, layer: nn.Module) -> None:
    """Put `layer` at `path` of `model`.

    Raises
    ------
    ValueError
        When there is no such path.
    """
    parent, _, name = path.rpartition(".")
    try:
        owner = model.get_submodule(parent)
        owner.get_submodule(name)
    except AttributeError:
        raise ValueError(f"the model has no layer {path!r}; it is another architecture") from None
    setattr(owner, name, layer)
    if isinstance(owner, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
        # torch's fused path reads the weights of linear1 and linear2 past their forward; this flag keeps it from being taken
        owner.activation_relu_or_gelu = 0
