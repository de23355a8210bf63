"""Manifests: the layers that compression has put into a model, as JSON from which they can be rebuilt."""

from __future__ import annotations

from typing import Any

from torch import nn

from labkit.layers.bitmask import BitmaskLinear
from labkit.layers.bitmask_conv import BitmaskConv
from labkit.layers.fixed_fan_in import FixedFanInLinear
from labkit.layers.fixed_fan_in_conv import FixedFanInConv1d, FixedFanInConv2d
from labkit.layers.fixed_fan_in_mlp import FixedFanInMLP
from labkit.layers.hooks import take_over
from labkit.layers.int8 import Int8Linear
from labkit.layers.int8_conv import Int8Conv
from labkit.layers.limits import Counted, TooLargeError, check_numbers
from labkit.layers.low_rank import LowRankLinear
from labkit.layers.low_rank_conv import LowRankConv1d, LowRankConv2d
from labkit.layers.shared_basis import SharedBasisLinear
from labkit.layers.shared_basis_conv import SharedBasisConv
from labkit.messages import unknown_name
from labkit.words import shortly

KINDS = (
    BitmaskConv,
    BitmaskLinear,
    FixedFanInConv1d,
    FixedFanInConv2d,
    FixedFanInLinear,
    FixedFanInMLP,
    Int8Conv,
    Int8Linear,
    LowRankConv1d,
    LowRankConv2d,
    LowRankLinear,
    SharedBasisConv,
    SharedBasisLinear,
)
LAYERS: dict[str, Any] = {kind.__name__: kind for kind in KINDS}


def register_layer(kind: type[nn.Module]) -> type[nn.Module]:
    """Register a layer class for manifests; usable as a decorator.

    Parameters
    ----------
    kind : type
        A class with ``spec() -> dict`` (JSON types) and a class method ``from_spec(**spec)`` that builds an empty layer.

    Returns
    -------
    type
        `kind`.

    Raises
    ------
    TypeError
        If a method is missing.
    """
    for method in ("spec", "from_spec"):
        if not callable(getattr(kind, method, None)):
            raise TypeError(f"{kind.__name__} has no method {method}, which a manifest needs to rebuild it")
    LAYERS[kind.__name__] = kind
    return kind


def is_registered(module: nn.Module) -> bool:
    """Whether a module is of a registered layer class, not of a subclass of one or of another class of that name.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    bool
    """
    return LAYERS.get(type(module).__name__) is type(module)


def describe_layers(model: nn.Module) -> dict[str, dict]:
    """Describe the registered layers of a model.

    Parameters
    ----------
    model : nn.Module
        Any model.

    Returns
    -------
    dict
        Path -> {"type", "spec"}; further places of a shared layer are {"same_as": path}.
    """
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
    """Replace layers of a model, in place, by the empty layers that a manifest describes.

    Parameters
    ----------
    model : nn.Module
        The original architecture.
    manifest : dict
        As returned by `describe_layers`.

    Returns
    -------
    nn.Module
        `model`, or the new layer if the manifest replaces the whole model.

    Raises
    ------
    ValueError
        If a layer type is unknown (its plugin is not loaded), or the model has no such path.
    """
    if not isinstance(manifest, dict):
        raise ValueError(f"a manifest maps paths of layers to their descriptions, got {shortly(manifest, 60)}")
    for path, entry in manifest.items():
        if isinstance(entry, dict) and "same_as" in entry:
            replace_layer(model, path, _layer_at(model, entry["same_as"]))
            continue
        layer = empty_layer(entry)
        if path == "":
            return layer
        replace_layer(model, path, layer)
    return model


def empty_layer(entry: dict) -> nn.Module:
    """Build the layer of one manifest entry.

    Parameters
    ----------
    entry : dict
        {"type", "spec"}.

    Returns
    -------
    nn.Module
        To be filled by ``load_state_dict``.

    Raises
    ------
    ValueError
        If the layer type is unknown.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str) or not isinstance(entry.get("spec"), dict):
        raise ValueError(f"a layer is described by its type and its spec, got {shortly(entry, 60)}")
    kind, spec = entry["type"], entry["spec"]
    if kind not in LAYERS:
        raise unknown_name("layer type", shortly(kind, 60).strip("'"), LAYERS, "a plugin's layers need the plugin loaded first")
    check_numbers(f"the described {kind}", spec)
    try:
        with Counted(f"the described {kind}"):
            return LAYERS[kind].from_spec(**spec)
    except TooLargeError:
        raise
    except MemoryError as error:
        raise TooLargeError(f"the described {kind} takes more memory than there is; give a smaller network") from error
    except Exception as error:  # a spec that was changed, or that another version wrote, ends in errors of many types
        raise ValueError(f"no {kind} can be made of {shortly(spec, 100)}: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Return the first line of an error, or its type where it says nothing.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        Of at most 200 characters.
    """
    line = next((line.strip() for line in str(error)[:2000].splitlines() if line.strip()), "")
    said = (
        line
        if line and isinstance(error, (ValueError, RuntimeError, TypeError))
        else f"{type(error).__name__}: {line}".rstrip(": ")
    )
    return said if len(said) <= 200 else said[:199] + "…"


def _layer_at(model: nn.Module, path: object) -> nn.Module:
    try:
        return model.get_submodule(str(path))
    except AttributeError:
        raise ValueError(f"the model has no layer {shortly(path, 60)}; it is another architecture") from None


def replace_layer(model: nn.Module, path: str, layer: nn.Module) -> None:
    """Replace one submodule; the new one takes over the hooks of the old one, and plain attributes that it lacks.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    path : str
        Dotted path of the submodule.
    layer : nn.Module
        The new submodule.

    Raises
    ------
    ValueError
        If there is no such path.
    """
    parent, _, name = path.rpartition(".")
    try:
        owner = model.get_submodule(parent)
        old = owner.get_submodule(name)
    except AttributeError:
        raise ValueError(f"the model has no layer {shortly(path, 60)}; it is another architecture") from None
    if old is not layer:
        take_over(old, layer)
    setattr(owner, name, layer)
    _without_fast_path(model, path)


def _without_fast_path(model: nn.Module, path: str) -> None:
    """Switch off what torch's transformers do without calling their layers: they read linear1.weight and linear2.weight."""
    parts = path.split(".")
    for length in range(len(parts)):
        outer: Any = model.get_submodule(".".join(parts[:length]))
        if isinstance(outer, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
            outer.activation_relu_or_gelu = 0
        elif isinstance(outer, nn.TransformerEncoder):
            outer.use_nested_tensor = False
