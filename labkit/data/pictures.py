"""One picture file as people see it: upright, 8 bits a channel, grey or RGB, transparency over white or black."""

from __future__ import annotations

import contextlib
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from labkit.data.paths import shown, special

SUFFIXES = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".bmp",
        ".dib",
        ".gif",
        ".webp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".pfm",
        ".tga",
        ".avif",
        ".jp2",
        ".j2k",
    ]
)
# formats that hold pixels: Pillow would start other programs for PostScript, and sees pictures in HDF5 files too
Image.init()  # all formats of this Pillow, which may lack AVIF or JPEG 2000; MPO is opened as JPEG
FORMATS = tuple(
    name for name in ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "TGA", "AVIF", "JPEG2000") if name in Image.OPEN
)
BY_CONTENT = tuple(name for name in FORMATS if name != "TGA")  # a TGA file has no mark of its own
SIXTEEN = 65_535
STRIP = 4_000_000  # pixels
SEEN = 32  # of 255: a smaller contrast is taken for none where transparency has more


@dataclass
class Remarks:
    """What was done to the pictures of a folder beyond copying their pixels: remark -> files.

    Attributes
    ----------
    files : dict of str to list of Path
    brightest : int
        Largest value of the 16-bit pictures.
    """

    files: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    brightest: int = 0

    def notes(self) -> tuple[str, ...]:
        """Return one sentence a remark, with the number of files and one of them.

        Returns
        -------
        tuple of str
        """
        said = {
            "frames": "of several frames: only the first frame is used",
            "alpha": "with transparency: shown over white",
            "black": "with transparency whose shape white would hide: shown over black",
            "blank": "with transparency: of one colour everywhere, whatever lies behind; if a shape is expected, look at them",
            "sixteen": f"of 16 bits: scaled from 0–65,535 to 0–255 (their brightest value is {self.brightest:,})",
            "float": "of floating-point values: scaled from 0–1 to 0–255",
            "large": "of more than 89 million pixels: read nevertheless",
            "content": "without a known ending: read, because their content is that of a picture",
        }
        return tuple(
            f"{count(len(found), 'picture')} {said[key]} ({shown(found[0])})" for key, found in self.files.items() if found
        )


def count(number: int, thing: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    number : int
    thing : str
        In the singular, with a regular plural.

    Returns
    -------
    str

    Examples
    --------
    >>> count(1, "picture"), count(1200, "file")
    ('1 picture', '1,200 files')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def read_picture(path: Path, remarks: Remarks) -> Image.Image:
    """Read one picture.

    Parameters
    ----------
    path : Path
    remarks : Remarks
        Takes a record of everything that was scaled, left out or laid over white or black.

    Returns
    -------
    Image
        Of mode "L" if the file is grey, else "RGB".

    Raises
    ------
    ValueError
        If the file cannot be read, is no regular file, is larger than Pillow opens, or holds values whose range is not known.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures a note is made instead; others speak of metadata
            other = special(path)
            if other:
                raise _UnknownRange(f"{shown(path)} is {other}; remove or replace it")
            with Image.open(path, formats=FORMATS) as opened:
                frames, pixels = getattr(opened, "n_frames", 1), opened.width * opened.height
                opened.load()
                picture = _eight_bits(_upright(opened), path, remarks)
    except _UnknownRange as error:
        raise ValueError(str(error)) from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{shown(path)} cannot be read as an image ({str(error).split(',')[0]}); make it smaller or remove it, "
            "or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        ) from error
    except Exception as error:  # a damaged file may raise anything: OSError, SyntaxError, struct.error, zlib.error, …
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{shown(path)} cannot be read as an image ({reason}); remove or replace it") from error
    if frames > 1:
        remarks.files["frames"].append(path)
    if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
        remarks.files["large"].append(path)
    return picture


def is_picture(path: Path) -> bool:
    """Return whether a file of any name holds a picture, by its first bytes.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if special(path):
                return False
            with Image.open(path, formats=BY_CONTENT):
                return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # as in read_picture; here it only means that this is no picture
        return False


class _UnknownRange(ValueError):
    """No picture, or one of whose values nobody says how bright they are; the message says so."""


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says, as viewers do; damaged EXIF data are no reason to refuse it."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def _eight_bits(picture: Image.Image, path: Path, remarks: Remarks) -> Image.Image:
    if picture.mode == "F":
        remarks.files["float"].append(path)
        return _from_float(np.asarray(picture), path)
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        remarks.files["sixteen"].append(path)
        return _from_integers(np.asarray(picture), path, remarks)
    grey = picture.mode in ("1", "L", "LA", "La")
    if not picture.has_transparency_data:
        return picture.convert("L" if grey else "RGB")
    lowest, highest = _alpha(picture)
    flat = _over(picture, "white")
    if lowest < 255:
        background = "white"
        if highest - lowest >= SEEN > _contrast(flat):
            dark = _over(picture, "black")
            if _contrast(dark) >= SEEN:
                flat, background = dark, "black"
        remarks.files["alpha" if background == "white" else "black"].append(path)
        if _contrast(flat) == 0:
            remarks.files["blank"].append(path)
    return flat.convert("L" if grey else "RGB")


def _strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Pieces of a picture with their transparency: of a large one, a whole copy for every step would take gigabytes."""
    rows = max(1, STRIP // max(1, picture.width))
    for top in range(0, picture.height, rows):
        piece = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        yield top, (piece.convert("LA") if piece.mode == "La" else piece).convert("RGBA")  # "La" has no direct way to others


def _alpha(picture: Image.Image) -> tuple[int, int]:
    found = [np.asarray(piece.getchannel("A")) for _, piece in _strips(picture)]
    return min(int(part.min()) for part in found), max(int(part.max()) for part in found)


def _over(picture: Image.Image, background: str) -> Image.Image:
    flat = Image.new("RGB", picture.size)
    for top, piece in _strips(picture):
        flat.paste(Image.alpha_composite(Image.new("RGBA", piece.size, background), piece).convert("RGB"), (0, top))
    return flat


def _contrast(picture: Image.Image) -> int:
    """Largest difference between two pixels in one channel."""
    return max(high - low for low, high in picture.getextrema())  # type: ignore[misc]


def _from_integers(values: np.ndarray, path: Path, remarks: Remarks) -> Image.Image:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 or high > SIXTEEN:
        raise _UnknownRange(
            f"{shown(path)} holds integers from {low:,} to {high:,}; only 8 bits or 0 to 65,535 can be scaled: convert it to "
            "one of them"
        )
    remarks.brightest = max(remarks.brightest, high)
    return Image.fromarray(((values.astype(np.int32) * 255 + SIXTEEN // 2) // SIXTEEN).astype(np.uint8))


def _from_float(values: np.ndarray, path: Path) -> Image.Image:
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise _UnknownRange(
            f"{shown(path)} holds floating-point values from {values.min():.4g} to {values.max():.4g}; only 0 to 1 can be scaled: "
            "convert it to that range or to 8 bits"
        )
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))
