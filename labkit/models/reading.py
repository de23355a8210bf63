"""`read_weights`: the tensors of a checkpoint, without running code."""

from __future__ import annotations

import argparse
import collections
import contextlib
import pathlib
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from labkit.models.file_kinds import kind_of

# in this order: the weights of the training come before their moving average
KEYS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "module",
    "model_weights",
    "backbone",
    "encoder",
    "state_dict_ema",
    "model_ema",
    "ema",
    "ema_state_dict",
    "params_ema",
)
EMA = ("state_dict_ema", "model_ema", "ema", "ema_state_dict", "params_ema")


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file, and what was done to find them.

    Attributes
    ----------
    tensors : dict of str to Tensor
    notes : tuple of str
        A few words each, e.g. "key 'state_dict'".
    """

    tensors: dict[str, torch.Tensor]
    notes: tuple[str, ...] = ()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the tensors of a file of weights; what it is is told from its first bytes, not from its ending.

    Parameters
    ----------
    path : Path
        safetensors, or a checkpoint of torch.save; dicts that hold the state dict under a usual key are taken too.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ValueError
        If the file is missing, damaged, of another kind (the message says which), or holds no state dict.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give a .safetensors or torch checkpoint file in it")
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give the path of a .safetensors or torch checkpoint file")
    if kind_of(path) == "safetensors":
        return Checkpoint(_read_safetensors(path))
    content, foreign = _read_torch(path)
    if foreign and not _has_state(content):
        raise ValueError(_unsafe(path, foreign))
    found = _state_in(content, path)
    ignored = f"objects of {', '.join(foreign[:2])} left out"
    return Checkpoint(found.tensors, (*found.notes, ignored)) if foreign else found


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
            aliases = file.metadata() or {}
    except (SafetensorError, struct.error, OSError, KeyError) as error:
        raise ValueError(f"{path} is truncated or damaged ({_first_line(error)}); get the file again") from error
    # names that share a tensor are listed in the metadata, by labkit as by Hugging Face
    return tensors | {name: tensors[source] for name, source in aliases.items() if source in tensors and name not in tensors}


class Inert:
    """Stands for any object of foreign code beside the weights: it is made of nothing, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        """Ignore what the object is made of."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _read_torch(path: Path) -> tuple[Any, list[str]]:
    """Return the content of a file of torch.save, and the names of foreign code in it, none of which is imported or run."""
    foreign: list[str] = []
    with contextlib.suppress(Exception):  # files of the time before version 1.6 are not looked through
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    known = {f"{kind.__module__}.{kind.__qualname__}" for kind in _harmless() if not isinstance(kind, tuple)}
    foreign = [name for name in foreign if name not in known]
    inert = [(type("Inert", (Inert,), {}), name) for name in foreign]
    try:
        with (
            torch.serialization.safe_globals([*_harmless(), *inert]),
            open(path, "rb") as file,
        ):  # by its path, the ending would decide
            return torch.load(file, map_location="cpu", weights_only=True), foreign
    except pickle.UnpicklingError as error:
        if not foreign and "unsupported" not in str(error).lower() and "global" not in str(error).lower():
            raise ValueError(f"{path} is truncated or damaged ({_first_line(error)}); get the file again") from error
        raise ValueError(_unsafe(path, foreign)) from error
    except Exception as error:  # damaged files end in errors of many types
        raise ValueError(f"{path} is truncated or damaged ({_first_line(error)}); get the file again") from error


def _unsafe(path: Path, foreign: list[str]) -> str:
    what = f" ({', '.join(foreign[:2])})" if foreign else ""
    return f"{path} holds more than tensors{what}, which is not safe to load; save model.state_dict() instead"


def _harmless() -> list[Any]:
    """Return classes that trainings put beside the weights and that hold values only: arguments, paths, NumPy numbers."""
    numbers = [type(np.dtype(name)) for name in ("float16", "float32", "float64", "int32", "int64", "bool")]
    scalar = np.float64(0).__reduce__()[0]
    older = (scalar, "numpy.core.multiarray.scalar")  # its name before NumPy 2
    return [argparse.Namespace, collections.defaultdict, np.dtype, *numbers, scalar, older, pathlib.PosixPath]


def _has_state(content: Any) -> bool:
    return isinstance(content, Mapping) and _holds_tensors(content)


def _state_in(content: Any, path: Path) -> Checkpoint:
    """Return the state dict in a checkpoint, with the keys that lead to it."""
    notes: list[str] = []
    while isinstance(content, Mapping) and (key := _key_to_state(content)) is not None:
        others = [name for name in EMA if name in content and name != key and key not in EMA]
        notes.append(f"key {key!r}" + (f", not the moving average {others[0]!r}" if others else ""))
        content = content[key]
    if not isinstance(content, Mapping) or not any(isinstance(value, torch.Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state dict; save model.state_dict() and give that file")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if any(not isinstance(content[name], (int, float, str, bool, type(None))) for name in others if name in content):
        raise ValueError(f"{path} holds no state dict ({others[0]!r} is no tensor); save model.state_dict() and give that file")
    if others:
        notes.append(f"{len(others)} entries that are no tensors left out ({others[0]!r})")
    return Checkpoint(tensors, tuple(notes))


def _key_to_state(content: Mapping) -> str | None:
    """Return the key under which a checkpoint keeps its state dict, or None where it is one itself."""
    inner = [key for key, value in content.items() if isinstance(key, str) and isinstance(value, Mapping) and value]
    for key in KEYS:
        if key in inner and _holds_tensors(content[key]):
            return key
    lone = [key for key in inner if all(isinstance(value, torch.Tensor) for value in content[key].values())]
    return lone[0] if len(lone) == 1 else None


def _holds_tensors(content: Mapping) -> bool:
    return any(isinstance(value, torch.Tensor) for value in content.values()) or _key_to_state(content) is not None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
