"""Storage of a module: parameters, nonzeros, and bytes by kind, with shared tensors counted once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

KINDS = ("values", "indices", "masks", "other")


def stored_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Iterate over the tensors of a state dict, each shared tensor once.

    ``values`` are parameters; boolean buffers are ``masks``, integer arrays ``indices``, other buffers ``other`` (running
    statistics, counters). A layer can override this by an attribute ``storage_kinds: dict[str, str]``. Tensor subclasses
    (quantized weights) are decomposed: their integer codes are values, scales and zero points other.

    Parameters
    ----------
    module : nn.Module
        The model.

    Yields
    ------
    kind : str
        One of `KINDS`.
    tensor : Tensor
        A plain tensor.
    """
    seen: set[tuple] = set()
    for layer in module.modules():
        declared = getattr(layer, "storage_kinds", {})
        derived = layer._non_persistent_buffers_set  # never stored
        for name, tensor in {**layer._parameters, **layer._buffers}.items():
            if tensor is None or name in derived or not _is_new(tensor, seen):
                continue
            kind = declared.get(name) or ("values" if name in layer._parameters else _buffer_kind(tensor))
            yield from _parts(kind, tensor)
        for tensor in _packed(layer):
            if _is_new(tensor, seen):
                yield "values" if tensor.ndim else "other", tensor


def _packed(layer: nn.Module) -> list[Tensor]:
    """Weight, bias, scale and zero point of torch's own quantized layers, which are neither parameters nor buffers."""
    if not type(layer).__module__.startswith(("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized")):
        return []
    state: dict = {}
    layer._save_to_state_dict(state, "", False)
    own = {*layer._parameters, *layer._buffers}
    found = [
        entry for name, value in state.items() if name not in own for entry in (value if isinstance(value, tuple) else (value,))
    ]
    return [entry for entry in found if isinstance(entry, Tensor)]


def _is_new(tensor: Tensor, seen: set[tuple]) -> bool:
    plain = _inner(tensor)[0][1] if _is_wrapper(tensor) else tensor
    if plain.layout is not torch.strided:
        key: tuple = (id(plain),)  # sparse and oneDNN tensors have no storage of their own
    elif plain.device.type == "meta":
        key = ("meta", plain.untyped_storage()._cdata, plain.storage_offset(), tuple(plain.shape))
    else:
        key = (plain.untyped_storage().data_ptr(), plain.storage_offset(), tuple(plain.shape))
    if plain.numel() and key in seen:
        return False
    seen.add(key)
    return True


def _buffer_kind(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "masks"
    is_index = tensor.ndim > 0 and not tensor.is_floating_point() and not tensor.is_complex()
    return "indices" if is_index else "other"


def _is_wrapper(tensor: Tensor) -> bool:
    return hasattr(tensor, "__tensor_flatten__")


def _inner(tensor: Tensor) -> list[tuple[str, Tensor]]:
    """The plain tensors inside a tensor subclass, largest first."""
    names, _ = tensor.__tensor_flatten__()  # type: ignore[attr-defined]
    found = [(name, getattr(tensor, name)) for name in names]
    return sorted(found, key=lambda pair: -pair[1].nbytes)


def _parts(kind: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if tensor.layout is torch.sparse_coo:
        yield "indices", tensor._indices()
        yield kind, tensor._values()
        return
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        yield "indices", tensor.crow_indices()
        yield "indices", tensor.col_indices()
        yield kind, tensor.values()
        return
    if not _is_wrapper(tensor):
        yield kind, tensor if tensor.layout is torch.strided else tensor.to_dense()
        return
    (_, codes), *rest = _inner(tensor)
    yield kind, codes
    yield from (("other", part) for _, part in rest)


def bytes_by_kind(module: nn.Module) -> dict[str, int]:
    """Sum the bytes of a state dict by kind.

    Parameters
    ----------
    module : nn.Module
        The model.

    Returns
    -------
    dict
        Bytes of ``values``, ``indices``, ``masks`` and ``other``; together the size of a file without its header.
    """
    total = dict.fromkeys(KINDS, 0)
    for kind, tensor in stored_tensors(module):
        total[kind] += tensor.nbytes
    return total


def count_parameters(module: nn.Module, convention: str = "standard") -> int:
    """Count parameters, shared ones once.

    Parameters
    ----------
    module : nn.Module
        The model.
    convention : {"standard", "paper"}
        "paper" counts only convolutions and linear layers (Deep Roots: no normalisation).

    Returns
    -------
    int
        Number of parameters.
    """
    return sum(p.numel() for p in _unique_parameters(module, convention))


def count_nonzeros(module: nn.Module, convention: str = "standard") -> int:
    """Count parameters that are not zero, shared ones once.

    Parameters
    ----------
    module : nn.Module
        The model.
    convention : {"standard", "paper"}
        "paper" counts only convolutions and linear layers (Deep Roots: no normalisation).

    Returns
    -------
    int
        Number of nonzero parameters.
    """
    return sum(_nonzeros(p) for p in _unique_parameters(module, convention))


def _nonzeros(parameter: Tensor) -> int:
    plain = _inner(parameter)[0][1] if _is_wrapper(parameter) else parameter
    if plain.device.type == "meta":
        return plain.numel()  # without values, as many as there can be
    plain = plain.dequantize() if plain.is_quantized else plain
    return int(torch.count_nonzero(plain if plain.layout is torch.strided else plain.to_dense()))


def _unique_parameters(module: nn.Module, convention: str) -> Iterator[Tensor]:
    seen: set[tuple] = set()
    for layer in module.modules():
        if convention == "paper" and not isinstance(layer, (nn.Linear, nn.modules.conv._ConvNd)):
            continue
        declared = getattr(layer, "storage_kinds", {})  # the integer codes of a quantized weight are a buffer
        codes = [buffer for name, buffer in layer._buffers.items() if declared.get(name) == "values"]
        for parameter in (*layer._parameters.values(), *codes):
            if parameter is not None and _is_new(parameter, seen):
                yield parameter
        yield from (tensor for tensor in _packed(layer) if tensor.ndim and _is_new(tensor, seen))
