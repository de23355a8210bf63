"""Folders of pictures by class: damaged, huge by their header, of every format, and entries that are no files."""

import contextlib
import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, features

from labkit import data
from tools.soak.loaders.files import odd_entry, odd_name
from tools.soak.loaders.loader import Loader
from tools.soak.mutate import mutated

MODES = ("L", "LA", "RGB", "RGBA", "P", "1", "I;16", "I", "F", "CMYK")
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pfm": "PPM",
    ".tga": "TGA",
    ".avif": "AVIF",
    ".jp2": "JPEG2000",
    ".dds": "DDS",
    ".ico": "ICO",
    ".eps": "EPS",
    ".mpo": "MPO",
}
SIZES = (None, None, None, 1, 8, 64, 20_000, 10**9, 0, -1, 2.5, True, "8", float("nan"))


def _prepare(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix, kind in FORMATS.items():
        for mode in MODES:
            pixels = rng.integers(0, 255, (8, 8, 4), np.uint8)
            held = io.BytesIO()
            with contextlib.suppress(Exception):  # not every format holds every mode, nor is every format built in
                base = Image.fromarray(pixels, "RGBA") if mode in ("RGBA", "LA") else Image.fromarray(pixels[..., :3])
                picture = base.convert(mode) if mode != "I;16" else Image.fromarray(pixels[..., 0].astype(np.uint16) * 256)
                more = {"save_all": True, "append_images": [picture.rotate(90)]} if kind in ("GIF", "MPO") else {}
                picture.save(held, kind, **more)
                (folder / f"{mode.replace(';', '')}{suffix}").write_bytes(held.getvalue())
    assert features.check("jpg")


def _resized(content: bytes, rng: random.Random) -> bytes:
    """A PNG whose header promises another size, with a right checksum."""
    sides = [rng.choice([0, 1, 7, 9, 4_000, 20_000, 65_535, 2**31 - 1, 2**32 - 1]) for _ in range(2)]
    header = struct.pack(">II", *sides) + bytes([rng.choice([1, 2, 4, 8, 16]), rng.choice([0, 2, 3, 4, 6])]) + content[26:29]
    return content[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    root = folder / rng.choice(["pictures", "pictures", odd_name(rng, "").name])
    parts = rng.choice([[""], [""], ["train"], ["train", "test"], ["train", "val", "test"], ["test"], ["Train", "train"]])
    seeds = sorted(sound.glob("*.png"))
    for part in parts:
        for label in ("a", "b"):
            place = root / part / label
            place.mkdir(parents=True, exist_ok=True)
            for i in range(4):
                (place / f"{i}.png").write_bytes(rng.choice([seeds[0], seeds[-1]]).read_bytes())
    place = root / rng.choice(parts) / rng.choice(["a", "b", "b", "c", "", odd_name(rng, "").name])
    place.mkdir(parents=True, exist_ok=True)
    for _ in range(rng.randint(1, 3)):
        source = rng.choice(sorted(sound.iterdir()))
        content = source.read_bytes()
        content = _resized(content, rng) if source.suffix == ".png" and rng.random() < 0.3 else mutated(content, rng)
        path = place / odd_name(rng, rng.choice([source.suffix, source.suffix, *FORMATS]))
        with contextlib.suppress(FileExistsError, IsADirectoryError):
            if rng.random() < 0.1:
                odd_entry(path, rng)
            elif not os.path.lexists(path):
                path.write_bytes(content)
    size = rng.choice(SIZES)
    return lambda: data.image_folder(root, size=size)  # type: ignore[arg-type]


LOADER = Loader("image_folder", _prepare, _case)
