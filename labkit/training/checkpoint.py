"""Checkpoints that resume bit for bit: step, weights, optimizer, schedule, callbacks and random states."""

from __future__ import annotations

import os
import random
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from labkit.files import atomic_path
from labkit.messages import in_line
from labkit.words import shortly

FORMAT = 1
MOST_BYTES = 64 * 2**30  # of weights, those of the best step and the optimizer's of the largest network


def save(path: str | os.PathLike, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically, with all random states.

    Killing the process at any moment leaves the previous checkpoint intact.

    Parameters
    ----------
    path : path
        The file.
    state : dict
        Tensors, numbers, strings, lists and dicts.

    Raises
    ------
    OSError
        If the disk is full or the folder is not writable.
    """
    with atomic_path(path) as temporary:
        try:
            torch.save({"format": FORMAT, "random": random_state(), **state}, temporary)
        except RuntimeError as error:  # how torch reports a full disk
            raise OSError((str(error).splitlines() or [type(error).__name__])[0]) from error


def load(path: str | os.PathLike) -> dict[str, Any]:
    """Read a checkpoint without unpickling code (``weights_only=True``).

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    dict
        As given to `save`, plus "format" and "random".

    Raises
    ------
    ValueError
        If the file is missing, truncated, not a checkpoint, of more than `MOST_BYTES`, or written by a newer version of labkit.
    """
    place = in_line(os.fsdecode(path))
    _check_file(path, place)
    try:
        with open(path, "rb") as file:
            _check_archive(file, os.fstat(file.fileno()).st_size)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files end in errors of many types
        raise ValueError(f"checkpoint {place} is damaged or not a checkpoint; delete it to start over") from error
    number = state.get("format") if isinstance(state, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(f"{place} is not a labkit checkpoint; delete it to start over")
    if number > FORMAT:
        raise ValueError(f"checkpoint {place} has format {shortly(number, 60)}, this labkit reads up to {FORMAT}; update labkit")
    return state


def _check_file(path: str | os.PathLike, place: str) -> None:
    """Refuse what cannot be opened, and a pipe or device, which would be read for ever."""
    try:
        facts = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"checkpoint {place} does not exist; give the path of a checkpoint") from None
    except (OSError, ValueError) as error:  # a circle of links, or a name that no file can have
        raise ValueError(f"checkpoint {place} cannot be opened; give the path of a checkpoint") from error
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError(f"{place} is a folder, pipe or device and no file; give the path of a checkpoint")
    if facts.st_size > MOST_BYTES:
        raise ValueError(f"checkpoint {place} has {facts.st_size:,} bytes, and at most {MOST_BYTES:,} are read; delete it")


def _check_archive(file: BinaryIO, size: int) -> None:
    """Refuse what `save` does not write: another form of file, whose damaged lengths torch would allocate, and what unpacks."""
    start = file.read(4)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if start != b"PK\x03\x04" or unpacked > size:
        raise ValueError("an archive of torch.save is not compressed")
    file.seek(0)


def random_state() -> dict[str, Any]:
    """Capture the random states of torch (CPU and CUDA), NumPy and Python.

    Returns
    -------
    dict
        Types that load without pickle.
    """
    kind, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 (callbacks may use the legacy generator)
    version, internal, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(kind), torch.from_numpy(np.asarray(keys, dtype=np.int64)), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(internal), gauss_next],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Restore the random states of torch, NumPy and Python.

    Parameters
    ----------
    state : dict
        As returned by `random_state`.
    """
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    version, internal, gauss_next = state["python"]
    random.setstate((version, tuple(internal), gauss_next))


def remove(path: str | os.PathLike) -> None:
    """Delete a checkpoint if it exists.

    Parameters
    ----------
    path : path
        The file.
    """
    Path(path).unlink(missing_ok=True)
