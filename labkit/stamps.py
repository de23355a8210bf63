"""Stamps of files: what a cache must know of a file or folder to notice that it has changed."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

Stamp = tuple[int, int, int] | None


def stamp(path: str | os.PathLike[str] | None) -> Stamp:
    """Return a value that changes when a file, or anything in a folder, is written, added, renamed or removed.

    Parameters
    ----------
    path : path or None
        Links are followed, broken ones left out.

    Returns
    -------
    tuple of int or None
        Number of files, their total size, and a checksum of their names, sizes and times; None where there is nothing. A file that
        is copied over another with the same size and an older time is noticed: the time of its last change counts too.
    """
    if not path or not Path(path).exists():
        return None
    files = _files(str(path)) if Path(path).is_dir() else [("", os.stat(path))]
    total = check = 0
    for name, found in files:
        total += found.st_size
        check = zlib.crc32(f"{name}|{found.st_size}|{found.st_mtime_ns}|{found.st_ctime_ns}".encode(), check)
    return len(files), total, check


def _files(folder: str) -> list[tuple[str, os.stat_result]]:
    found, seen = [], set()
    for place, inner, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a circle of links
            inner.clear()
            continue
        seen.add(real)
        inner.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            try:
                found.append((path, os.stat(path)))
            except OSError:  # a broken link, or removed meanwhile
                continue
    return found
