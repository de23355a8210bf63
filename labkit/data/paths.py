"""Paths as people give them: what lies there, and how it is shown where its name is no text."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Literal

from labkit.words import shortly

LONGEST = 4_096  # characters of a path
SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def as_path(path: Any, what: str) -> Path:
    """Return a path of what was given for one.

    Parameters
    ----------
    path : object
    what : str
        What it should be the path of, for the error message.

    Returns
    -------
    Path
        With the home folder in place of ``~``.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If it is one that no file can have.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise TypeError(f"give the path of {what} as text, got {shortly(path)}")
    if "\0" in os.fspath(path):
        raise ValueError(f"{shortly(os.fspath(path))} holds a NUL character, which no path can; give the path of {what}")
    try:
        if len(os.fsencode(path)) > LONGEST:
            raise ValueError(
                f"a path of more than {LONGEST:,} characters was given, {shortly(os.fspath(path), 60)}; give that of {what}"
            )
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{shortly(os.fspath(path))} holds half a character, which no path can; give the path of {what}"
        ) from error
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name
        return Path(path)


def shown(path: str | os.PathLike) -> str:
    """Return a path or name as text that can be printed and stored: bytes that are not UTF-8 are written ``\\xff``.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
    """
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def is_text(name: str) -> bool:
    """Return whether a name can be stored as UTF-8.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def lies_there(path: Path) -> Literal["file", "folder", ""]:
    """Return what lies at a path, without opening it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    {"file", "folder", ""}
        Empty for nothing, for a device, a pipe or a socket, and for what may not be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else ""


def special(path: Path) -> str:
    """Return what lies at a path where it is no regular file: to open a named pipe would wait for ever.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        E.g. "a named pipe"; empty for a regular file.

    Raises
    ------
    OSError
        If nothing lies there, or it may not be looked at.
    """
    mode = path.stat().st_mode
    return "" if stat.S_ISREG(mode) else SPECIAL.get(stat.S_IFMT(mode), "no regular file")
