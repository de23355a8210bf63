"""Sentences about tensors of a file that a network cannot take: other classes, pictures, kinds of numbers."""

from __future__ import annotations

from pathlib import Path

import torch

FEW = 64 * 2**20  # bytes up to which a tensor may repeat its numbers
KINDS = frozenset(
    {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128}
    | {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    | {torch.uint16, torch.uint32, torch.uint64}
)
HEADS = ("head", "fc", "classifier", "last_linear", "linear", "output", "out", "logits")


def check_tensors(tensors: dict[str, torch.Tensor], own: dict[str, torch.Tensor], path: Path) -> None:
    """Refuse tensors of another shape, of quantized or integer weights, and of values that are not finite.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Under the names of `own`.
    own : dict of str to Tensor
        The network's state dict.
    path : Path
        For the message.

    Raises
    ------
    ValueError
    """
    other = {name: tensor for name, tensor in tensors.items() if _shape(tensor) != _shape(own[name])}
    if other:
        name = next(iter(other))
        shapes = f"{name!r} has shape {list(other[name].shape)}, the model needs {list(own[name].shape)}"
        raise ValueError(f"{path}: {_reason(other, own, shapes)}")
    for name, tensor in tensors.items():
        if own[name].is_floating_point() and not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(
                f"{path}: {name!r} holds {kind} where the network has {str(own[name].dtype).removeprefix('torch.')}; "
                "give weights that are not quantized"
            )
        if tensor.is_complex() and not own[name].is_complex():
            raise ValueError(
                f"{path}: {name!r} holds complex numbers where the network has real ones; give weights of this architecture"
            )
        if tensor.is_floating_point():
            _check_finite(name, tensor, own[name].dtype, path)


def lacking(tensor: torch.Tensor) -> str:
    """Return what keeps a tensor from being weights by its values alone; empty where nothing does.

    Parameters
    ----------
    tensor : Tensor

    Returns
    -------
    str
        E.g. "sparse".
    """
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_meta:
        return "on the device meta, without values"
    if tensor.is_quantized or kind.startswith(("q", "bits")):
        return f"quantized ({kind})"
    if tensor.is_nested or tensor.layout is not torch.strided:
        return "nested" if tensor.is_nested else f"sparse ({str(tensor.layout).removeprefix('torch.')})"
    if tensor.dtype not in KINDS:
        return f"{kind}, which means little without the scales that belong to it"
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return f"a {type(tensor).__name__}"
    if tensor.numel() * tensor.element_size() > max(tensor.untyped_storage().nbytes(), FEW):
        return f"of {tensor.numel():,} numbers that the file does not hold, but repeats from few"
    return ""


def _check_finite(name: str, tensor: torch.Tensor, wanted: torch.dtype, path: Path) -> None:
    """Refuse NaN and infinite values, also those that large numbers become in the network's own type."""
    if torch.isfinite(tensor).all() and (tensor.dtype == wanted or torch.isfinite(tensor.to(wanted)).all()):
        return
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{path}: {name!r} holds NaN or infinite values; give weights of a completed training")
    largest, own = float(tensor.abs().max()), str(wanted).removeprefix("torch.")
    raise ValueError(
        f"{path}: {name!r} holds {largest:.3g}, beyond the {torch.finfo(wanted).max:.3g} of {own}, which the network has; "
        "give weights of a completed training"
    )


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    return () if tensor.numel() == 1 else tuple(tensor.shape)


def _reason(other: dict[str, torch.Tensor], own: dict[str, torch.Tensor], shapes: str) -> str:
    rows = {(len(tensor), len(own[name])) for name, tensor in other.items() if tensor.ndim and own[name].ndim}
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in other))
    same_inputs = all(tensor.shape[1:] == own[name].shape[1:] for name, tensor in other.items())
    if len(rows) == 1 and same_inputs and all(_is_head(layer, own) for layer in layers):
        (theirs, ours), heads = rows.pop(), " and ".join(map(repr, layers))
        return (
            f"the head {heads} is for {theirs:,} classes, and the data have {ours:,} ({shapes}); "
            "give weights trained on these classes, or train a new head first"
        )
    first, tensor = next(iter(other.items()))
    if "pos_embed" in first or "relative_position" in first or "pos_emb" in first:
        return f"the weights are for pictures of another size ({shapes}); give pictures of that size (size=, or --size)"
    needed = own[first].shape
    if len(other) == 1 and tensor.ndim == len(needed) == 4 and (tensor.shape[0], tensor.shape[2:]) == (needed[0], needed[2:]):
        return (
            f"{first!r} takes {tensor.shape[1]} channels, and the pictures have {needed[1]} ({shapes}); "
            "give weights or pictures with as many channels"
        )
    return f"{shapes}; give weights of this architecture"


def _is_head(layer: str, own: dict[str, torch.Tensor]) -> bool:
    """Whether a layer is the last one with weights, or is called like a head."""
    last = [name.rpartition(".")[0] for name, tensor in own.items() if tensor.ndim > 1]
    words = [part.rstrip("0123456789_").split("_")[0] for part in layer.split(".")]
    return layer == (last[-1] if last else "") or any(word in HEADS for word in words)
