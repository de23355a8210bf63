"""A model's tensors in a safetensors file; tensor subclasses are unwrapped and wrapped again."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from labkit.layers.int8 import wrapped_parts
from labkit.models.tied import place_of, unshared


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
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]})") from error


def _in_present_form(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the parts of 8-bit weights, which were tensors of torchao in files of labkit 0.1 (zero points are all zero)."""
    old = tuple(name.removesuffix("weight:qdata") for name in tensors if name.endswith("weight:qdata"))
    for path in old:
        tensors[f"{path}codes"] = tensors.pop(f"{path}weight:qdata")
        tensors[f"{path}scale"] = tensors.pop(f"{path}weight:scale")
        tensors.pop(f"{path}weight:zero_point", None)
    return tensors


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
