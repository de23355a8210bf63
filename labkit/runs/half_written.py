"""Where runs are written before they are published, so that no pattern of other programs finds one that is not whole.

DuckDB and Polars do not skip hidden folders. A run is written to ``.half-written/ID-x/`` in the store, one level deeper than
``*/metrics.parquet`` looks, and its files have another ending until all are whole, so that ``**/metrics.parquet`` finds none.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from labkit.files import flush, readable

PLACE = ".half-written"
ENDING = ".half"
OLD = "old"  # a run that is being replaced
ABANDONED = 86_400  # seconds; no save takes a day
INTERRUPTED = 60  # seconds; no exchange of two folders takes a minute
TRIES = 20
OWN = re.compile(r"(?P<id>[0-9a-f]{16})-[a-z0-9_]{8}")  # as tempfile names folders
BEFORE = re.compile(r"\.(?P<id>[0-9a-f]{16})-[a-z0-9_]{8}\.tmp")  # of older versions, in the store itself


@contextlib.contextmanager
def half_written(store: Path, run: str) -> Iterator[Path]:
    """Make a folder for the files of a run, to be published by a rename; what is left of it is removed.

    Parameters
    ----------
    store : Path
        Folder of the store; it is created.
    run : str
        Id.

    Yields
    ------
    Path
        On the same file system as the store. Files in it should have names that end with `ENDING`, see `finished`.

    Raises
    ------
    OSError
    """
    place = _made(store, run)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        _leave(store)


def _made(store: Path, run: str) -> Path:
    try:
        store.mkdir(parents=True, exist_ok=True)
        clear_leftovers(store)
        for _ in range(TRIES):  # another process removes the place when it leaves it empty
            with contextlib.suppress(FileNotFoundError):
                (store / PLACE).mkdir(exist_ok=True)
                return Path(tempfile.mkdtemp(prefix=f"{run}-", dir=store / PLACE))
        raise FileNotFoundError(f"{PLACE} vanishes")
    except OSError as error:
        raise OSError(f"cannot write to {store}: {error.strerror or error}; choose another folder for the store") from error


def _leave(store: Path) -> None:
    with contextlib.suppress(OSError):  # others are at work in it
        os.rmdir(store / PLACE)


def finished(place: Path) -> None:
    """Flush every file of a half-written run and give it its own name, and all of them the same permissions.

    Parameters
    ----------
    place : Path

    Raises
    ------
    OSError
    """
    paths = sorted(place.iterdir())
    for path in paths:
        readable(path)
        flush(path)
    for path in paths:
        if path.name.endswith(ENDING):
            os.rename(path, path.with_name(path.name.removesuffix(ENDING)))
    readable(place)
    flush(place)


def copied(source: Path, place: Path, names: list[str]) -> None:
    """Copy files of a run into a half-written one.

    Parameters
    ----------
    source, place : Path
    names : list of str

    Raises
    ------
    OSError
    """
    for name in names:
        shutil.copyfile(source / name, place / f"{name}{ENDING}")


def exchange(store: Path, place: Path, final: Path) -> None:
    """Put a finished run in the place of the one that is there; if that fails, restore the old one.

    Parameters
    ----------
    store : Path
        Folder of the store.
    place, final : Path

    Raises
    ------
    OSError
    """
    with half_written(store, final.name) as aside:
        os.rename(final, aside / OLD)
        try:
            os.rename(place, final)
        except OSError:
            os.rename(aside / OLD, final)
            raise
        flush(store)


def clear_leftovers(store: Path) -> None:
    """Remove what killed processes left behind a day ago, and restore runs that were being replaced; touch nothing of others.

    Parameters
    ----------
    store : Path
    """
    for folder, pattern in ((store / PLACE, OWN), (store, BEFORE)):
        for name, run in _named(folder, pattern):
            left, final = folder / name, store / run
            with contextlib.suppress(OSError):  # another process may be clearing it
                age = time.time() - left.stat().st_mtime
                if (left / OLD).is_dir() and not final.exists() and age > INTERRUPTED:
                    os.rename(left / OLD, final)  # a process was killed between the two renames of an exchange
                if age > ABANDONED:
                    shutil.rmtree(left, ignore_errors=True)
    _leave(store)


def _named(folder: Path, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Return the folders whose whole name is one that labkit gives, and the ids of their runs."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, pattern.fullmatch(entry.name)) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [(name, match["id"]) for name, match in found if match]
