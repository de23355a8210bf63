"""What stands where a file was expected: a pipe, a folder, a link to nowhere, a device."""

import os
import random
from pathlib import Path

NAMES = [
    "f",
    "f\t",
    "é",
    "😀",
    "a b",
    "[b]",
    "<b>",
    "$x$",
    "a" * 200,
    ".f",
    "f.",
    "-f",
    "%s",
    "\u202ef",
    b"\xff\xfe",
    b"caf\xe9",
]


def odd_name(rng: random.Random, suffix: str) -> Path:
    """Return a file name that is rare but allowed, also one that is no UTF-8."""
    name = rng.choice(NAMES)
    return Path(os.fsdecode(name + os.fsencode(suffix) if isinstance(name, bytes) else name + suffix))


def odd_entry(path: Path, rng: random.Random, *, devices: bool = True) -> None:
    """Put something else than a file at a path; pipes and devices only where others choose what stands there."""
    kind = rng.randrange(6) if devices else rng.choice([1, 2, 3, 5])
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to("/nowhere/at/all")
    elif kind == 3:
        path.symlink_to(path.name)
    else:
        path.symlink_to(("/dev/zero", "/dev/null")[kind - 4])
