"""This machine's own table of measured times, read with suspicion: whatever is in the file, kernels work without it."""

from __future__ import annotations

import json
import math
import stat
import warnings
from pathlib import Path
from typing import Any

from labkit.words import shortly

MOST_BYTES = 10_000_000  # a measured table has some 20 kB
SIZES = ("inputs", "outputs", "batch")
TIMES = ("cpu_us", "dense_us", "kept_us")


def read_own_table(path: Path, cpu: str) -> dict[str, Any] | None:
    """Read the table that `labkit kernels --measure` has written.

    Parameters
    ----------
    path : Path
    cpu : str
        Name of this machine's processor.

    Returns
    -------
    dict or None
        None without one, for another processor's, and for a file that is no such table: of that a warning says what is wrong.
    """
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        _ignored(path, error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be opened")
        return None
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > MOST_BYTES:
        _ignored(path, "it is no file" if not stat.S_ISREG(facts.st_mode) else f"it has {facts.st_size:,} bytes")
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        _ignored(path, error.strerror or "it cannot be read")
        return None
    except (ValueError, RecursionError):
        _ignored(path, "it is no JSON")
        return None
    why = _wrong(found)
    if why:
        _ignored(path, why)
        return None
    return found if found["cpu"] == cpu else None


def _ignored(path: Path, why: str) -> None:
    place = str(path).encode(errors="backslashreplace").decode()
    warnings.warn(
        f"{place} is ignored ({why}), and kernels are chosen by the table that ships with labkit; "
        "make it again with labkit kernels --measure, or remove it",
        stacklevel=4,
    )


def _wrong(found: Any) -> str:
    """Say what keeps a document from being a table; empty where nothing does."""
    if not isinstance(found, dict) or not isinstance(found.get("cpu"), str) or not isinstance(found.get("rows"), list):
        return "it is no table of times"
    if not found["rows"]:
        return "it has no rows"
    for number, row in enumerate(found["rows"]):
        for key in (*SIZES, *TIMES, "density"):
            value = row.get(key) if isinstance(row, dict) else None
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not _sensible(key, value):
                return f"{key} of row {number} is {shortly(value, 40)}"
    return ""


def _sensible(key: str, value: float) -> bool:
    if abs(value) > 1e15 or not math.isfinite(value):
        return False
    return 0 < value <= 1 if key == "density" else value >= 1 if key in SIZES else value >= 0
