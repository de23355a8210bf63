"""Files that are either whole or absent, whatever happens while they are written."""

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

PLACE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.EISDIR, errno.ENAMETOOLONG}


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success flush it to disk and rename it over `target`.

    A kill, a full disk or an exception leaves the old `target` (or none) and no half-written file under its name.
    The temporary name keeps the suffix, because writers such as Pillow choose the format by it.

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be created or written: one sentence that names `target`.
    """
    target = Path(target)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=f".tmp{target.suffix}", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _make_readable_like_a_plain_file(temporary)
        _flush(temporary)
        os.replace(temporary, target)
        _flush(target.parent)
    except OSError as error:
        remedy = "choose another place" if error.errno in PLACE_ERRORS else "free some space or choose another place"
        raise OSError(f"cannot write {target}: {error.strerror or error}; {remedy}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(target: str | os.PathLike, content: bytes) -> None:
    """Write `content` to `target` atomically (see `atomic_path`)."""
    with atomic_path(target) as path:
        path.write_bytes(content)


def write_text(target: str | os.PathLike, content: str) -> None:
    """Write UTF-8 `content` to `target` atomically (see `atomic_path`)."""
    write_bytes(target, content.encode())


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's content as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_readable_like_a_plain_file(path: Path) -> None:
    """mkstemp makes files private (0600); a shipped weight file must be readable like any other."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def _flush(path: Path) -> None:
    """fsync a file or a folder, so that the rename survives a power cut as well as a kill."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders; the rename itself is still atomic there
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
