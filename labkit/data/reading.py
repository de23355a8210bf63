"""The bytes of a file, decompressed as its name says: never more of them than are allowed, whatever the archive claims."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from labkit.data.limits import MAX_RATIO, MAX_TEXT, MIN_TEXT
from labkit.data.paths import shown, special

CHUNK = 1 << 20
SMALL = 1 << 12  # zipfile unpacks all of a piece of bz2 or lzma at once, and a piece may grow 20,000-fold
LZMA_MEMORY = 1 << 29  # bytes; xz -9 needs an eighth of it
MAX_MEMBERS = 1_000  # of an archive that should hold one file
LEFTOVERS = ("__MACOSX/", ".DS_Store")


class _Unfit(ValueError):
    """An archive that is sound and not what is wanted; the message says what it is."""


def read_bytes(path: Path, kind: str, *, limit: int = MAX_TEXT) -> bytes:
    """Read a file; names ending in ``.gz``, ``.bz2``, ``.xz``, ``.zip``, ``.zst`` and ``.tar`` are decompressed.

    Parameters
    ----------
    path : Path
    kind : str
        What it should be, for error messages, e.g. "a CSV file".
    limit : int
        Bytes that it may hold at most, compressed and decompressed.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If it is missing, no regular file, damaged, or larger; more than `limit` is never decompressed.
    """
    where = shown(path)
    try:
        other = special(path)
        if other:
            raise _Unfit(f"{where} is {other}; give the path of {kind}")
        size = path.stat().st_size
        if size > limit:
            raise _too_large(where, limit, "holds")
        return _unpacked(path, where, min(limit, max(MIN_TEXT, MAX_RATIO * size)))
    except FileNotFoundError:
        raise ValueError(f"{where} does not exist; give the path of {kind}") from None
    except _Unfit as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # each kind of archive has errors of its own, and damaged ones raise others
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
        name = kind.removeprefix("a ").removesuffix(" file")
        raise ValueError(f"{where} cannot be read as {name}: {reason}") from error


def _too_large(where: str, limit: int, verb: str) -> _Unfit:
    ratio = "" if limit == MAX_TEXT or verb == "holds" else f" (above {MIN_TEXT / 1e6:g} MB, {MAX_RATIO} times the archive)"
    return _Unfit(
        f"{where} {verb} more than {limit / 1e6:,.0f} MB, the most that is read{ratio}; split it or leave columns and rows out"
    )


def _unpacked(path: Path, where: str, limit: int) -> bytes:
    name = path.name.lower()
    with path.open("rb") as file:
        for ending, opened in OPENERS.items():
            if name.endswith(ending):
                content = opened(file, where, limit)
                return _of_tar(io.BytesIO(content), where, limit) if name.removesuffix(ending).endswith(".tar") else content
        return _all(file, where, MAX_TEXT)


def _all(file: IO[bytes], where: str, limit: int, chunk: int = CHUNK, verb: str = "decompresses to") -> bytes:
    """Read to the end, and no further than allowed."""
    pieces, held = [], 0
    while piece := file.read(chunk):
        held += len(piece)
        if held > limit:
            raise _too_large(where, limit, verb)
        pieces.append(piece)
    return b"".join(pieces)


def _of_gzip(file: IO[bytes], where: str, limit: int) -> bytes:
    with gzip.GzipFile(fileobj=file) as unpacked:
        return _all(cast("IO[bytes]", unpacked), where, limit)


def _of_bzip(file: IO[bytes], where: str, limit: int) -> bytes:
    with bz2.BZ2File(file) as unpacked:
        return _all(unpacked, where, limit)


def _of_xz(file: IO[bytes], where: str, limit: int) -> bytes:
    """`lzma.open` would take the memory that the header asks for, up to 4 GB."""
    pieces, held, data = [], 0, file.read(CHUNK)
    while data:
        unpacker = lzma.LZMADecompressor(memlimit=LZMA_MEMORY)
        while not unpacker.eof:
            piece = unpacker.decompress(data, CHUNK)
            held += len(piece)
            if held > limit:
                raise _too_large(where, limit, "decompresses to")
            pieces.append(piece)
            data = file.read(CHUNK) if unpacker.needs_input and not unpacker.eof else b""
            if not data and not piece and not unpacker.eof:
                raise EOFError("the file ends before its data do")
        data = (unpacker.unused_data or file.read(CHUNK)).lstrip(b"\0")  # streams may follow each other, padded with zeros
    return b"".join(pieces)


def _of_zip(file: IO[bytes], where: str, limit: int) -> bytes:
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith(LEFTOVERS)]
        if len(members) != 1:
            raise _Unfit(f"{where} holds {len(members):,} files; pack one CSV file into it")
        if members[0].file_size > limit:
            raise _too_large(where, limit, "decompresses to")
        small = members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        with archive.open(members[0]) as unpacked:
            return _all(unpacked, where, limit, SMALL if small else CHUNK)


def _of_zstd(file: IO[bytes], where: str, limit: int) -> bytes:
    from pandas.io.common import get_handle  # of Python 3.14 or of the package zstandard, whichever there is

    try:
        with get_handle(file, "rb", is_text=False, compression="zstd") as handles:
            return _all(handles.handle, where, limit)
    except ImportError:
        raise _Unfit(f"{where}: .zst needs the package zstandard; install it, or decompress the file first") from None


def _of_tar(file: IO[bytes], where: str, limit: int) -> bytes:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        found: list[tarfile.TarInfo] = []
        for place, member in enumerate(archive):
            if place >= MAX_MEMBERS:
                raise _Unfit(f"{where} holds more than {MAX_MEMBERS:,} files; pack one CSV file into it")
            if not member.isdir() and not Path(member.name).name.startswith("._"):
                found.append(member)
        if len(found) != 1:
            raise _Unfit(f"{where} holds {len(found):,} files; pack one CSV file into it")
        if found[0].size > limit:
            raise _too_large(where, limit, "decompresses to")
        unpacked = archive.extractfile(found[0]) if found[0].isreg() else None
        if unpacked is None:
            raise _Unfit(f"{where} holds a link or a device; pack one CSV file into it")
        content = _all(unpacked, where, limit)
        if len(content) < found[0].size:
            raise EOFError("the file ends before its data do")
        return content


OPENERS: dict[str, Callable[[IO[bytes], str, int], bytes]] = {
    ".gz": _of_gzip,
    ".bz2": _of_bzip,
    ".xz": _of_xz,
    ".zip": _of_zip,
    ".zst": _of_zstd,
    ".tar": _of_tar,
}
