"""Atomic writing of files and folders."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PLACE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.EISDIR, errno.ENAMETOOLONG}


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Write a file atomically: yield a temporary path, then flush it to disk and rename it to the target.

    If the process is killed, the disk is full or an exception is raised, the old file (or none) remains.

    Parameters
    ----------
    target : path
        The file; its folder is created.

    Yields
    ------
    Path
        A temporary file in the same folder. It keeps the suffix, by which writers such as Pillow choose the format.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be created or written; the message names the target.
    """
    target = Path(target)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=f".tmp{target.suffix}", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        readable(temporary)
        flush(temporary)
        os.replace(temporary, target)
        flush(target.parent)
    except OSError as error:
        remedy = "choose another place" if error.errno in PLACE_ERRORS else "free some space or choose another place"
        raise OSError(f"cannot write {target}: {error.strerror or error}; {remedy}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(target: str | os.PathLike) -> Iterator[Path]:
    """Write a folder atomically: yield a temporary folder beside it, then flush its files and rename it to the target.

    If the process is killed or an exception is raised, no half-written folder of that name is left.

    Parameters
    ----------
    target : path
        The folder, which must be absent or empty; the folders above it are created.

    Yields
    ------
    Path
        A temporary folder.

    Raises
    ------
    ValueError
        If something is there already.
    OSError
        If the disk is full, or the folder cannot be written; the message names the target.
    """
    target = Path(target)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ValueError(f"{target} exists already; choose another folder, or remove it")
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".tmp", dir=target.parent))
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            readable(path)
            flush(path)
        os.replace(temporary, target)
        flush(target.parent)
    except OSError as error:
        remedy = "choose another place" if error.errno in PLACE_ERRORS else "free some space or choose another place"
        raise OSError(f"cannot write {target}: {error.strerror or error}; {remedy}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(target: str | os.PathLike, content: bytes) -> None:
    """Write bytes to a file atomically (see `atomic_path`).

    Parameters
    ----------
    target : path
        The file.
    content : bytes
        Its content.
    """
    with atomic_path(target) as path:
        path.write_bytes(content)


def write_text(target: str | os.PathLike, content: str) -> None:
    """Write text to a file atomically, in UTF-8 (see `atomic_path`).

    Parameters
    ----------
    target : path
        The file.
    content : str
        Its content.
    """
    write_bytes(target, content.encode())


def sha256(path: str | os.PathLike) -> str:
    """Hash the content of a file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    str
        SHA-256 as 64 hex digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def readable(path: str | os.PathLike) -> None:
    """Give a file or folder the permissions that a new one has by the umask, whichever those are that its writer chose.

    Temporary files are private (0600), and so is what safetensors writes: others who may read one file of a folder could not read
    the next.

    Parameters
    ----------
    path : path
    """
    os.chmod(path, (0o777 if os.path.isdir(path) else 0o666) & ~_umask())


def _umask() -> int:
    """Return the umask; where the system tells it, without changing it, which files of other threads would feel."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1], 8) for line in status if line.startswith("Umask:"))
    except (OSError, StopIteration):
        umask = os.umask(0o077)
        os.umask(umask)
        return umask


def flush(path: str | os.PathLike) -> None:
    """Call fsync on a file or folder, so that a rename survives a power failure.

    Parameters
    ----------
    path : path
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders; the rename is atomic nevertheless
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
