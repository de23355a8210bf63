"""Part ``disk``: a file system with too little space left, by steps; what is written is there as a whole, or not at all."""

import contextlib
import hashlib
import itertools
import math
import os
import resource
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tools.soak.report import Part
from tools.soak.verdict import LONGEST

if TYPE_CHECKING:
    from tools.soak.writers import Writer

SIZE = 2**25  # bytes of the small file system
LEVELS = 24  # fill levels of each writer in the whole trial
FEW = 6  # in a share
PAGE = 4096


def run(folder: Path, seed: int, minutes: float | None) -> Part:
    """Write everything at every level of free space, onto nothing and over an older version."""
    from tools.soak.writers import WRITERS  # local: it imports torch

    until = math.inf if minutes is None else time.monotonic() + 60 * minutes
    levels = LEVELS if minutes is None else FEW
    rows, failures = [], []
    with _small(folder / "disk") as (place, squeeze, notes), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for writer in WRITERS:
            row = {"what": writer.name, "bytes": _needed(place, writer), "levels": 0, "written": 0, "refused": 0}
            for level, older in itertools.product(range(levels), (False, True)):
                if time.monotonic() > until:
                    break
                free = row["bytes"] * 5 // 4 * level // (levels - 1)
                written, wrong = _at(place, writer, squeeze, free, older)
                row["levels"] += 1
                row["written" if written else "refused"] += 1
                failures += (
                    [f"{writer.name} with {free:,} bytes free{' over an older one' if older else ''}: {wrong}"] if wrong else []
                )
            rows.append(row)
    return Part("disk", rows, failures, notes)


Squeeze = Callable[[int], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def _small(folder: Path) -> Iterator[tuple[Path, Squeeze, list[str]]]:
    """A small file system with a way to leave only so many bytes free; without the right to mount, a limit for each file."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = hasattr(os, "getuid") and os.getuid() == 0 and not subprocess.run(mount, capture_output=True).returncode
    try:
        (folder / "place").mkdir(exist_ok=True)
        if mounted:
            yield folder / "place", lambda free: _filled(folder, free), []
        else:
            note = "no file system could be mounted here: the size of each file was limited instead of the space"
            yield folder / "place", _limited, [note]
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=False)


@contextlib.contextmanager
def _filled(folder: Path, free: int) -> Iterator[None]:
    facts, ballast = os.statvfs(folder), folder / "ballast"
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, facts.f_bavail * facts.f_bsize - free // PAGE * PAGE))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def _limited(free: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _needed(place: Path, writer: "Writer") -> int:
    """Bytes that are written where there is space."""
    _clear(place)
    writer.write(place, 0)
    writer.read(place)
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in place.rglob("*") if path.is_file())


def _at(place: Path, writer: "Writer", squeeze: Squeeze, free: int, older: bool) -> tuple[bool, str]:
    """Write with so much space; return whether it was written, and what is wrong."""
    _clear(place)
    if older:
        writer.write(place, 0)
    before, error = _content(place), None
    with squeeze(free):
        try:
            writer.write(place, 1)
        except Exception as caught:
            error = caught
    wrong = "" if error is None else _unlike_a_sentence(error)
    if error is not None and not wrong:
        left = _content(place)
        changed = sorted(name for name in {*before, *left} if before.get(name) != left.get(name))
        wrong = f"refused, but {', '.join(changed[:3])} changed" if changed else ""
    elif error is None:
        wrong = _unreadable(place, writer) or ("" if _content(place) != before else "nothing was written, and nothing was said")
    return error is None, wrong


def _unlike_a_sentence(error: Exception) -> str:
    said = str(error)
    if not isinstance(error, (OSError, ValueError)):
        return f"{type(error).__name__}: {said[:200]}"
    return "" if said.strip() and "\n" not in said and len(said) <= LONGEST else f"the message is no sentence: {said[:200]!r}"


def _unreadable(place: Path, writer: "Writer") -> str:
    try:
        writer.read(place)
    except Exception as error:
        return f"what is there cannot be read: {str(error)[:200]}"
    return ""


def _content(place: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, with its checksum; folders that hold nothing do not count."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _clear(place: Path) -> None:
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
