"""What a file of weights is, told from its first bytes: endings are often wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

TORCH_SAVE = "save model.state_dict() with torch.save or safetensors and give that file"
MOST_BYTES = 16 * 2**30  # of a file of weights, and of what it unpacks to
MOST_TIMES, SURELY_FINE = 20, 64 * 2**20  # how much more than its own size an archive may unpack to, beyond so many bytes
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before version 1.6 begins with this pickled number

# first bytes -> what the file is, and what to do
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, TensorFlow or h5py)", f"load it where it was made, then {TORCH_SAVE}"),
    (b"GGUF", "a GGUF file", f"convert it, then {TORCH_SAVE}"),
    (b"\x93NUMPY", "a NumPy array", f"load it into the network, then {TORCH_SAVE}"),
    (b"version https://git-lfs", "a Git LFS pointer, not the weights themselves", "run git lfs pull, or download the file itself"),
    (b"\x1f\x8b", "a gzip archive", "unpack it with gunzip or tar and give the file inside"),
    (b"BZh", "a bzip2 archive", "unpack it and give the file inside"),
    (b"\xfd7zXZ", "an xz archive", "unpack it and give the file inside"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it and give the file inside"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it and give the file inside"),
)
TEXTS: tuple[tuple[bytes, str, str], ...] = (
    (b"<!doctype", "an HTML page, as a download without a login leaves it", "download the file itself"),
    (b"<html", "an HTML page, as a download without a login leaves it", "download the file itself"),
    (b"<?xml", "an XML document, perhaps the error message of a download", "download the file itself"),
    (b"{", "a JSON text, perhaps the index of a checkpoint in several files", "merge the parts into one file and give that"),
)


def kind_of(path: Path) -> str:
    """Tell how a file of weights is read.

    Parameters
    ----------
    path : Path
        An existing file; its ending is not looked at.

    Returns
    -------
    {"safetensors", "torch"}

    Raises
    ------
    ValueError
        For an empty file, or one of another kind, which the message names.
    """
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        raise ValueError(f"{path} is truncated or damaged (it is empty); get the file again")
    if len(start) > 8 and start[8:9] == b"{":  # eight bytes of length, then a JSON header
        return "safetensors"
    if start.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    for first, what, remedy in OTHERS:
        if start.startswith(first):
            raise ValueError(f"{path} is {what}; {remedy}")
    for first, what, remedy in TEXTS:
        if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(first):
            raise ValueError(f"{path} is {what}; {remedy}")
    if start[257:262] == b"ustar":
        raise ValueError(f"{path} is a tar archive; unpack it and give the file inside")
    if start[4:8] in (b"TFL3",):
        raise ValueError(f"{path} is a TensorFlow Lite file; load it where it was made, then {TORCH_SAVE}")
    if _is_onnx(start):
        raise ValueError(f"{path} is an ONNX file, which holds a graph and no state dict; in PyTorch, {TORCH_SAVE}")
    if start.startswith(b"\x80"):
        if start.startswith(LEGACY[: len(start)]):
            return "torch"
        raise ValueError(f"{path} is a Python pickle that torch.save did not write, and may hold code; {TORCH_SAVE}")
    raise ValueError(f"{path} is truncated or damaged (it does not begin like safetensors or torch.save); get the file again")


def _in_zip(path: Path) -> str:
    """Tell what a zip archive holds: torch.save, TorchScript, torch.export, Keras and NumPy all write one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
            _check_unpacked(path, archive)
    except ValueError:
        raise
    except Exception as error:  # damaged directories end in errors of many types
        raise ValueError(f"{path} is truncated or damaged ({error}); get the file again") from error
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise ValueError(
            f"{path} is a TorchScript file (torch.jit.save), which holds code and no plain state dict; "
            "save torch.jit.load(FILE).state_dict() with torch.save and give that file"
        )
    if "data.pkl" in names:
        return "torch"
    if any(name.startswith("models/") or name == "archive_format" for name in names):
        raise ValueError(f"{path} is a program of torch.export, which holds a graph; save its state_dict with torch.save")
    if any(name.endswith(".h5") for name in names):
        raise ValueError(f"{path} is a Keras file; load it where it was made, then {TORCH_SAVE}")
    if names and all(name.endswith(".npy") for name in names):
        raise ValueError(f"{path} is an archive of NumPy arrays; load them into the network, then {TORCH_SAVE}")
    raise ValueError(f"{path} is a zip archive and no checkpoint; unpack it and give the file inside")


def _check_unpacked(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that unpacks to far more than it has: torch.save does not compress."""
    size, unpacked = path.stat().st_size, sum(entry.file_size for entry in archive.infolist())
    if unpacked > MOST_BYTES or unpacked > max(SURELY_FINE, MOST_TIMES * size):
        raise ValueError(
            f"{path} has {size:,} bytes and unpacks to {unpacked:,}, which no file of torch.save does; save the weights again"
        )


def _is_onnx(start: bytes) -> bool:
    """ONNX is a protocol buffer: field 1 is the version of the format, one of the text fields 2 to 6 follows."""
    return len(start) > 2 and start[0] == 0x08 and 0 < start[1] < 0x40 and start[2] in (0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42)
