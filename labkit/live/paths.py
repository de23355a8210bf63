"""Paths as people type them into a page: from the folder where they started, with ``~``, and completed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from labkit.data.files import is_leftover
from labkit.data.opening import is_table
from labkit.data.pictures import SUFFIXES

SHOWN = 8
WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".pkl")


def resolved(text: str, folder: str | os.PathLike) -> str:
    """Return the path that a user means.

    Parameters
    ----------
    text : str
    folder : path
        Where relative paths begin.

    Returns
    -------
    str
        Absolute; a plain word that is nothing in the folder, e.g. the name of a data set, stays as it is.

    Examples
    --------
    >>> resolved("mnist", "/nowhere"), resolved("pictures/cats", "/home/me")
    ('mnist', '/home/me/pictures/cats')
    """
    path = Path(folder, Path(text).expanduser()) if text else Path()
    word = os.sep not in text and "/" not in text and not text.startswith("~") and "." not in text
    return text if not text or (word and not path.exists()) else str(path)


def is_weights(name: str) -> bool:
    """Whether a name ends like a file of weights.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    return name.lower().endswith(WEIGHTS)


def matches(text: str, folder: str | os.PathLike, wanted: Callable[[str], bool] = is_table) -> list[str]:
    """Return how a typed path may go on: files that are wanted first, then folders, at most eight.

    Parameters
    ----------
    text : str
        What was typed so far.
    folder : path
        Where relative paths begin.
    wanted : callable (name) -> bool
        Which files are offered.

    Returns
    -------
    list of str
        Whole paths as they would be typed, folders with a slash at the end; nothing for a file or a folder of pictures by class.
    """
    path = Path(folder, Path(text).expanduser())
    if path.is_file() or (path.is_dir() and text and is_picture_folder(path)):
        return []
    inside = path.is_dir()
    place, begun = (path, "") if inside else (path.parent, path.name.lower())
    typed = text if not text or text.endswith("/") else f"{text}/" if inside else text[: len(text) - len(path.name)]
    found = [(not name.endswith("/"), name) for name in _names(place, wanted) if not is_leftover(name.rstrip("/"))]
    near = [entry for entry in found if entry[1].lower().startswith(begun)] or [
        entry for entry in found if begun in entry[1].lower()
    ]
    return [typed + name for is_file, name in sorted(near, key=lambda entry: (not entry[0], entry[1].lower()))][:SHOWN]


def _names(place: Path, wanted: Callable[[str], bool]) -> list[str]:
    """Return the wanted files and the folders of a folder, the latter with a slash."""
    try:
        with os.scandir(place) as entries:
            return [f"{e.name}/" if e.is_dir() else e.name for e in entries if e.is_dir() or wanted(e.name)]
    except OSError:  # not there, or not ours to read
        return []


def is_picture_folder(path: Path) -> bool:
    """Whether a folder has two subfolders or more with pictures in them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    classes = 0
    for name in _names(path, lambda name: False):
        inside = _names(path / name, lambda name: Path(name).suffix.lower() in SUFFIXES)
        classes += any(not entry.endswith("/") for entry in inside)
        if classes > 1:
            return True
    return False
