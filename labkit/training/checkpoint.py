"""Checkpoints that resume bit for bit: step, weights, optimizer, schedule, callbacks and random states."""

from __future__ import annotations

import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labkit.files import atomic_path

FORMAT = 1


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
        If the file is truncated, not a checkpoint, or written by a newer version of labkit.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"checkpoint {path} is damaged or not a checkpoint; delete it to start over") from error
    if not isinstance(state, dict) or "format" not in state:
        raise ValueError(f"{path} is not a labkit checkpoint; delete it to start over")
    if state["format"] > FORMAT:
        raise ValueError(f"checkpoint {path} has format {state['format']}, this labkit reads up to {FORMAT}; update labkit")
    return state


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
