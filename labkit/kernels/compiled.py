"""Where compiled kernels are kept from one process to the next, and a word to who waits for them the first time."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numba

PATIENCE = 2.0  # seconds before a word is said


def keep_somewhere() -> bool:
    """Let numba cache beside this file or in the user's cache; where neither can be written, in a private temporary folder.

    Returns
    -------
    bool
        False when there is no such place: kernels are then compiled in every process.
    """
    beside, home = Path(__file__).parent / "__pycache__", Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if numba.config.CACHE_DIR or _writable(beside) or _writable(home / "numba"):
        return True
    private = Path(tempfile.gettempdir()) / f"labkit-kernels-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    if not _writable(private) or (hasattr(os, "getuid") and private.stat().st_uid != os.getuid()):
        return False  # what another user could have put there is not loaded
    private.chmod(0o700)
    numba.config.CACHE_DIR = str(private)
    return True


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def announced() -> Iterator[None]:
    """Say what is going on when it takes long."""
    message = "labkit compiles its kernels for this processor; it takes some seconds, once\n"
    timer = threading.Timer(PATIENCE, lambda: sys.stderr.write(message))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


CACHE = keep_somewhere()
