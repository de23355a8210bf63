"""A model's tensors in a safetensors file, tensor subclasses taken apart and put together again."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from labkit.layers.int8 import wrapped_parts


def save_state(model: nn.Module, path: Path) -> None:
    """Write every stored tensor once; names that share one tensor are listed in the file's metadata.

    Raises
    ------
    OSError
        When the disk is full or the file cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    seen: dict[tuple, str] = {}
    for name, tensor in _flat(model).items():
        key = (tensor.data_ptr(), tensor.shape, tensor.dtype)
        if tensor.numel() and key in seen:
            aliases[name] = seen[key]
        else:
            seen[key] = name
            tensors[name] = tensor.contiguous()
    try:
        save_file(tensors, path, metadata=aliases or None)
    except SafetensorError as error:  # its writer reports a full disk so
        raise OSError(str(error)) from error


def load_state(model: nn.Module, path: Path) -> None:
    """Fill `model` with the tensors of `path`; aliases are recreated by the architecture itself.

    Raises
    ------
    ValueError
        When the file is damaged, or names or shapes differ from the model's.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]})") from error
    own = _flat(model)
    first = {(t.data_ptr(), t.shape, t.dtype): name for name, t in reversed(own.items())}
    for name, tensor in own.items():
        stored = tensors.get(name)
        if stored is None and first[(tensor.data_ptr(), tensor.shape, tensor.dtype)] in tensors:
            continue  # shares its tensor with a name that is there
        if stored is None or stored.shape != tensor.shape:
            raise ValueError(f"{path} does not fit the architecture: {name!r} is missing or of another shape")
        with torch.no_grad():
            tensor.copy_(stored)


def _flat(model: nn.Module) -> dict[str, torch.Tensor]:
    flat: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        parts = wrapped_parts(tensor)
        flat |= {f"{name}:{part}": inner for part, inner in parts.items()} if parts else {name: tensor.detach()}
    return flat
