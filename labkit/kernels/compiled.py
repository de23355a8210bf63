"""Disk cache of compiled kernels, and a notice on stderr while they compile."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numba

from labkit.kernels.damaged_cache import forgive_damaged_files

NOTICE_AFTER = 2.0  # seconds


def choose_cache() -> bool:
    """Choose where numba caches: beside this file, in the user's cache, or else in a private temporary folder.

    Returns
    -------
    bool
        False if none of them is writable; kernels are then compiled in every process.
    """
    beside, home = Path(__file__).parent / "__pycache__", Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if numba.config.CACHE_DIR or _writable(beside) or _writable(home / "numba"):
        return True
    private = Path(tempfile.gettempdir()) / f"labkit-kernels-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    if not _writable(private) or (hasattr(os, "getuid") and private.stat().st_uid != os.getuid()):
        return False  # never load code from a folder that another user owns
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
def notice_while_compiling() -> Iterator[None]:
    """Print a notice to stderr if the body takes longer than NOTICE_AFTER seconds.

    Yields
    ------
    None
        Compile inside the ``with`` block.
    """
    message = "compiling labkit's kernels for this processor; this happens once and takes some seconds\n"
    timer = threading.Timer(NOTICE_AFTER, lambda: sys.stderr.write(message))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


forgive_damaged_files()
CACHE = choose_cache()
