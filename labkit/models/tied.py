"""Names that share a tensor, for files that hold every tensor once."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def place_of(tensor: torch.Tensor) -> tuple:
    """Return a key that is equal for two names of one tensor; strides distinguish a matrix from its transpose.

    Parameters
    ----------
    tensor : Tensor

    Returns
    -------
    tuple
    """
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def unshared(state: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return every tensor once, as safetensors takes them.

    Parameters
    ----------
    state : mapping of str to Tensor

    Returns
    -------
    tensors : dict of str to Tensor
        Contiguous, no two of one memory.
    aliases : dict of str to str
        Further names -> the name that holds the tensor.
    """
    tensors: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    seen: dict[tuple, str] = {}
    memory: set[int] = set()
    for name, tensor in state.items():
        key = place_of(tensor)
        if tensor.numel() and key in seen:
            aliases[name] = seen[key]
            continue
        seen[key] = name
        plain = tensor.detach().contiguous()
        storage = plain.untyped_storage().data_ptr()
        tensors[name] = plain.clone() if storage in memory else plain  # safetensors takes no two views of one memory
        memory.add(storage)
    return tensors, aliases
