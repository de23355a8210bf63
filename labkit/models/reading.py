"""`read_weights`: the tensors of a checkpoint, without running code."""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import pathlib
import pickle
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from labkit.layers.manifest import reason_of
from labkit.models.file_kinds import MOST_BYTES, kind_of
from labkit.models.shapes import lacking
from labkit.words import shortly

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
DEPTH = 4  # keys that lead to a state dict
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
    path = checked_path(path)
    if kind_of(path) == "safetensors":
        return _with_values(Checkpoint(_read_safetensors(path)), path)
    content, foreign = _read_torch(path)
    if foreign and not _has_state(content):
        raise ValueError(_unsafe(path, foreign))
    found = _with_values(_state_in(content, path), path)
    ignored = f"objects of {_classes(foreign)} left out"
    return Checkpoint(found.tensors, (*found.notes, ignored)) if foreign else found


def checked_path(path: Path) -> Path:
    """Return the path of a file of weights that can be opened.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        For a folder, a pipe or device, a missing file, one that may not be read, one larger than `MOST_BYTES`, and a name that is
        no UTF-8.
    """
    path = Path(path)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError(f"the name {ascii(str(path))[:200]} is no UTF-8, which files of weights need; rename the file") from None
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path} does not exist; give the path of a .safetensors or torch checkpoint file") from None
    except (OSError, ValueError) as error:  # a name with a null, or too long
        raise ValueError(f"{shortly(str(path))} cannot be opened ({_first_line(error)}); give the path of a file") from None
    if stat.S_ISDIR(facts.st_mode):
        raise ValueError(f"{path} is a folder; give a .safetensors or torch checkpoint file in it")
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError(
            f"{path} is a pipe, socket or device and no file; give the path of a .safetensors or torch checkpoint file"
        )
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path} may not be read by this user; change its permissions or copy it")
    if facts.st_size > MOST_BYTES:
        raise ValueError(
            f"{path} has {facts.st_size:,} bytes, more than the {MOST_BYTES:,} that labkit reads; give a smaller network"
        )
    return path


def _with_values(found: Checkpoint, path: Path) -> Checkpoint:
    """Refuse tensors whose numbers are not all there: sparse, quantized, on the device meta, or repeated from few."""
    for name, tensor in found.tensors.items():
        if why := lacking(tensor):
            raise ValueError(f"{path}: {_brief(name)} is {why}; save it as a plain tensor, e.g. of float32")
    return found


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
            aliases = file.metadata() or {}
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a library in Rust: damaged files end in errors of many types, and in its panics
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
    what = f" ({_classes(foreign)})" if foreign else ""
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
    while isinstance(content, Mapping) and len(notes) < DEPTH and (key := _key_to_state(content)) is not None:
        others = [name for name in EMA if name in content and name != key and key not in EMA]
        notes.append(f"key {_brief(key)}" + (f", not the moving average {others[0]!r}" if others else ""))
        content = content[key]
    if not isinstance(content, Mapping) or not any(isinstance(value, torch.Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state dict; save model.state_dict() and give that file")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}  # subclasses too
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if any(not isinstance(content[name], (int, float, str, bool, type(None))) for name in others if name in content):
        raise ValueError(
            f"{path} holds no state dict ({_brief(others[0])} is no tensor); save model.state_dict() and give that file"
        )
    if others:
        notes.append(f"{len(others)} entries that are no tensors left out ({_brief(others[0])})")
    return Checkpoint(tensors, tuple(notes))


def _key_to_state(content: Mapping, depth: int = DEPTH) -> str | None:
    """Return the key under which a checkpoint keeps its state dict, or None where it is one itself, or none is near."""
    if not depth:
        return None
    inner = [key for key, value in content.items() if isinstance(key, str) and isinstance(value, Mapping) and value]
    for key in KEYS:
        if key in inner and _holds_tensors(content[key], depth - 1):
            return key
    lone = [key for key in inner if all(isinstance(value, torch.Tensor) for value in content[key].values())]
    return lone[0] if len(lone) == 1 else None


def _holds_tensors(content: Mapping, depth: int = DEPTH) -> bool:
    return any(isinstance(value, torch.Tensor) for value in content.values()) or _key_to_state(content, depth) is not None


def _brief(name: object) -> str:
    """The name of a tensor or key as a message shows it."""
    return shortly(name, 100)


def _classes(names: list[str]) -> str:
    """Names of foreign classes as a message shows them."""
    return ", ".join(shortly(name, 100)[1:-1] for name in names[:2])


def _first_line(error: BaseException) -> str:
    return reason_of(error)
