"""A model's tensors in a safetensors file; tensor subclasses are unwrapped and wrapped again."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from labkit.layers import is_registered
from labkit.layers.int8 import wrapped_parts
from labkit.layers.manifest import reason_of
from labkit.models import rebuild, source_of
from labkit.models.tied import place_of, unshared
from labkit.runs.allocation import AtMost, allowed
from labkit.runs.checking import FACTS, WEIGHTS, brief, read_facts

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
KNOWN = ("torch", "torchvision", "timm", "labkit")


def save_state(model: nn.Module, path: Path) -> None:
    """Write every tensor of a model once; names that share a tensor are listed in the file's metadata.

    Parameters
    ----------
    model : nn.Module
    path : Path

    Raises
    ------
    OSError
        When the disk is full or the file cannot be written.
    """
    tensors, aliases = unshared(_flat(model))
    try:
        save_file(tensors, path, metadata=aliases or None)
    except SafetensorError as error:  # raised for a full disk
        raise OSError(str(error)) from error


def unbuildable(model: nn.Module) -> str:
    """Say why a network could not be built again from a stored run, before it is stored.

    A reference network, or one of timm, is built anew from its name and the registered layers in it; a layer of another class, such
    as a plugin may put in, is not.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    str
        One sentence with the remedy; empty where it can be built, and for networks of a user's own class, which are built from the
        network that `Store.load` takes as `base`.
    """
    strange = {path: module for path, module in model.named_modules() if _is_strange(module)}
    source = source_of(model) if strange else None
    if source is None or not {"origin", "blueprint"} & source.keys():
        return ""
    try:
        again = rebuild(source)
    except ValueError:  # a network of the user's own that is not registered in this process
        return ""
    wanted, found = _flat(model), _flat(again)
    if {name: tensor.shape for name, tensor in wanted.items()} == {name: tensor.shape for name, tensor in found.items()}:
        return ""
    kinds = dict(again.named_modules())
    other = [path for path, module in strange.items() if type(kinds.get(path)) is not type(module)]
    path = (other or list(strange))[0]
    kind = type(strange[path]).__name__
    return (
        f"the weights were not kept, because a stored run could not build layer {path} ({kind}) again; give {kind} the methods "
        f"spec() and from_spec(**spec) and call labkit.layers.register_layer({kind})"
    )


def _is_strange(module: nn.Module) -> bool:
    """Whether a module is neither torch's, timm's or labkit's own, nor of a registered layer class."""
    return type(module).__module__.partition(".")[0] not in KNOWN and not is_registered(module)


def built(folder: Path, base: nn.Module | None) -> nn.Module:
    """Build the network of a run again, without pickle.

    Parameters
    ----------
    folder : Path
        Of the run.
    base : nn.Module or None
        For an architecture of a user's own: the network it was compressed from.

    Returns
    -------
    nn.Module
        In eval mode.

    Raises
    ------
    ValueError
        When the architecture needs `base`, does not fit the weights, or asks for far more memory than they take.
    """
    path = folder / WEIGHTS
    try:
        source = read_facts(folder)["source"]
        by_name = "blueprint" not in source
        with AtMost(allowed(os.path.getsize(path), by_name=by_name)):
            model = rebuild(source, base)
        load_state(model, path)
    except ValueError as error:
        said = " ".join(str(error).split())
        raise ValueError(f"run {folder.name} cannot be built again: {said[:600]}") from error
    except Exception as error:  # a description from a stranger ends in errors of any type
        raise ValueError(f"run {folder.name} cannot be built again from its {FACTS} ({brief(error)})") from error
    return model.eval()


def load_state(model: nn.Module, path: Path) -> None:
    """Load the tensors of a file into a model, in their dtypes; names that shared a tensor share it again.

    Parameters
    ----------
    model : nn.Module
    path : Path

    Raises
    ------
    ValueError
        When the file is damaged, or names or shapes differ from the model's.
    """
    tensors, aliases = _read(path)
    own = _flat(model)
    foreign = sorted((tensors.keys() | aliases.keys()) ^ own.keys())
    wrong = foreign or [name for name in tensors if tensors[name].shape != own[name].shape]
    if wrong:
        raise ValueError(
            f"{path} does not fit the architecture: {wrong[0]!r} is missing on one side or of another shape; "
            "give base=, the model the run was compressed from"
        )
    strange = [name for name, stored in tensors.items() if not _fits(own[name], stored)]
    if strange:
        raise ValueError(
            f"{path} does not fit the architecture: {strange[0]!r} is {tensors[strange[0]].dtype} and not {own[strange[0]].dtype}; "
            "make the run again"
        )
    for name, stored in tensors.items():
        _put(model, name, own[name], stored)
    for name, source in aliases.items():
        _tie(model, name, source, tensors[source])


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return tensors by name, and for aliases the name that holds the tensor."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
            return _in_present_form(tensors), file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({reason_of(error)})") from error


def _in_present_form(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the parts of 8-bit weights, which were tensors of torchao in files of labkit 0.1 (zero points are all zero)."""
    old = tuple(name.removesuffix("weight:qdata") for name in tensors if name.endswith("weight:qdata"))
    for path in old:
        tensors[f"{path}codes"] = tensors.pop(f"{path}weight:qdata")
        tensors[f"{path}scale"] = tensors.pop(f"{path}weight:scale")
        tensors.pop(f"{path}weight:zero_point", None)
    return tensors


def _fits(own: torch.Tensor, stored: torch.Tensor) -> bool:
    """Whether the type of a stored tensor can take the place of another."""
    return stored.dtype == own.dtype or (stored.dtype in FLOATS and own.dtype in FLOATS)


def _put(model: nn.Module, name: str, tensor: torch.Tensor, stored: torch.Tensor) -> None:
    if tensor.dtype == stored.dtype or ":" in name:
        with torch.no_grad():
            tensor.copy_(stored)
    else:  # an architecture is built in float32, the run may be in another type
        owner, leaf = _owner(model, name)
        getattr(owner, leaf).data = stored


def _tie(model: nn.Module, name: str, source: str, stored: torch.Tensor) -> None:
    own = _flat(model)
    if place_of(own[name]) == place_of(own[source]):
        return  # the architecture shares it already
    if ":" in name:
        _put(model, name, own[name], stored)
        return
    owner, leaf = _owner(model, name)
    setattr(owner, leaf, getattr(*_owner(model, source)))


def _owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return model.get_submodule(path), leaf


def _flat(model: nn.Module) -> dict[str, torch.Tensor]:
    flat: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        parts = wrapped_parts(tensor)
        flat |= {f"{name}:{part}": inner for part, inner in parts.items()} if parts else {name: tensor.detach()}
    return flat
