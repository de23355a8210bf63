"""Fingerprints of a split and of a model, by content: 16 hex digits, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from labkit.data import NodeSplit

if TYPE_CHECKING:
    from labkit.data import Split

DIGITS = 16


def data_id(split: Split | NodeSplit) -> str:
    """Return the fingerprint of a split: classes, features, labels, examples, groups and the favourable class.

    Notes are ignored.

    Parameters
    ----------
    split : Split or NodeSplit

    Returns
    -------
    str
        16 hexadecimal digits, the same in every process.

    Examples
    --------
    >>> from labkit.data import Split
    >>> x = np.zeros((2, 3), np.float32)
    >>> a, b = Split(np.array([0, 1]), ("no", "yes"), x=x), Split(np.array([1, 1]), ("no", "yes"), x=x)
    >>> data_id(a) == data_id(a), data_id(a) == data_id(b), len(data_id(a))
    (True, False, 16)
    """
    digest = hashlib.sha256()
    _feed_text(digest, [*split.classes, "|", *split.features])
    _feed_array(digest, split.labels)
    if isinstance(split, NodeSplit):
        for part in (split.graph.x, split.graph.edge_index, split.index):
            _feed_array(digest, np.asarray(part))
    elif split.texts is not None:
        _feed_text(digest, split.texts)
    else:
        _feed_array(digest, np.asarray(split.examples))
    if split.groups is not None:
        for column in split.groups.columns:
            _feed_text(digest, [str(column), *split.groups[column].astype(str)])
    if split.favourable is not None:  # else as it was before it could be set: known fingerprints stay
        _feed_text(digest, ["favourable", split.favourable])
    return digest.hexdigest()[:DIGITS]


def model_sha(model: nn.Module) -> str:
    """Return the fingerprint of a model's state dict: names, dtypes, shapes and bytes, on any device.

    Tensor subclasses (quantized weights) are unwrapped into their plain tensors.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> before = model_sha(layer)
    >>> with torch.no_grad():
    ...     _ = layer.bias.add_(1)
    >>> model_sha(layer) == before
    False
    """
    digest = hashlib.sha256()
    _feed(digest, "", model.state_dict())
    return digest.hexdigest()[:DIGITS]


def _feed(digest: Any, name: str, value: Any) -> None:
    """Feed a state dict, a tensor, or what a module keeps beside tensors (packed tuples, plain values)."""
    if isinstance(value, torch.Tensor):
        _feed_tensor(digest, name, value)
    elif isinstance(value, Mapping):
        for key in value:
            _feed(digest, f"{name}.{key}", value[key])
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            _feed(digest, f"{name}[{i}]", part)
    else:
        _feed_text(digest, [name, repr(value)])


def _feed_tensor(digest: Any, name: str, tensor: torch.Tensor) -> None:
    _feed_text(digest, [name, str(tensor.dtype), str(tuple(tensor.shape))])
    if hasattr(tensor, "__tensor_flatten__"):
        for part in tensor.__tensor_flatten__()[0]:
            _feed(digest, f"{name}.{part}", getattr(tensor, part))
        return
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    plain = tensor.detach().cpu().contiguous().reshape(-1)
    digest.update(plain.view(torch.uint8).numpy().data)  # as bytes, because numpy has no bfloat16 and no float8


def _feed_array(digest: Any, array: np.ndarray) -> None:
    _feed_text(digest, [str(array.dtype), str(array.shape)])
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _feed_text(digest: Any, parts: list[str]) -> None:
    """Lengths come first, so that ["ab", "c"] and ["a", "bc"] differ."""
    content = [part.encode() for part in parts]
    digest.update(",".join(str(len(part)) for part in content).encode() + b":" + b"".join(content))
