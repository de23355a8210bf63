"""`image_folder`: a folder of pictures by class, as people have them on their disks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from labkit.data.files import Passed, count_hidden, is_leftover, picture_files, subfolders_and_files
from labkit.data.limits import MAX_SIDE, refuse_bytes, refuse_classes
from labkit.data.partition import check_shares, partition
from labkit.data.parts import given_parts, refuse_parts_in_classes
from labkit.data.paths import as_path, is_text, lies_there, shown
from labkit.data.pictures import SUFFIXES, Remarks, count, read_picture
from labkit.data.split import Dataset, Split
from labkit.words import shortly


def image_folder(root: str | Path, *, size: int | None = None, favourable: str | None = None, seed: int = 0) -> Dataset:
    """Load a folder of images with one subfolder per class (torchvision's ImageFolder layout).

    Either ``root/train/CLASS/*.png`` with optional ``val`` (or ``validation``) and ``test`` beside it, or ``root/CLASS/*.png``;
    missing parts are split off stratified, 20 % each. Parts without ``train`` are refused: as classes they would leak into it.

    Pictures are read as people see them: turned as their EXIF orientation says, transparency over white (over black where white
    would hide the shape), the first frame of an
    animation, palettes and CMYK as RGB. 16 bits are scaled from 0–65,535 and floating-point values from 0–1. If any picture of any
    part has colour, all are RGB. Hidden files, leftovers of macOS, Windows, Jupyter and editors, and files that are no pictures are
    skipped. Whatever was skipped or changed is counted in the notes of the parts.

    Parameters
    ----------
    root : path
        The folder.
    size : int, optional
        Side in pixels, at most 4,096, to which every image is resized and centre-cropped; without it, all images must have the
        same size.
    favourable : str, optional
        The class that people want, whose rates are compared between groups; by default the last of two.
    seed : int
        Determines the split if the folder has none.

    Returns
    -------
    Dataset
        Images uint8 [N, 1, H, W] if all are greyscale, else [N, 3, H, W].

    Raises
    ------
    ValueError
        If a folder has no images, an image cannot be read or scaled, sizes differ, parts have other classes than train or lie
        beside or within class folders, a class folder's name is not UTF-8, the pictures would take more memory than
        `labkit.data.limits` allow, or the favourable class is unknown.
    """
    root = as_path(root, "a folder with a subfolder of images per class")
    if lies_there(root) != "folder":
        raise ValueError(f"{shown(root)} is not a folder; give one with a subfolder of images per class")
    size = _checked_size(size)
    check_shares(0.2, 0.2, seed)
    given, notes = given_parts(root)
    folders = given or {"train": root}
    classes = _class_folders(folders["train"], Passed())
    refuse_classes(len(classes), shown(folders["train"]))
    if not given:
        refuse_parts_in_classes(root, classes)
    read: dict[str, _Pictures] = {}
    for part, folder in folders.items():
        read[part] = _read_folder(folder, root, classes, size, list(read.values()))
    colour = any(pictures.colour for pictures in read.values())
    splits = {part: pictures.split(classes, colour) for part, pictures in read.items()}
    splits = {part: replace(split, notes=(*split.notes, *notes)) for part, split in splits.items()}
    dataset = partition(
        splits["train"],
        name=shown(root.name or root.resolve().name),
        test=splits.get("test"),
        validation=splits.get("validation"),
        seed=seed,
    )
    return _with_repeats_noted(dataset if favourable is None else dataset.with_favourable(favourable))


def _checked_size(size: Any) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, Real) or not 1 <= size <= MAX_SIDE or size % 1:  # type: ignore[operator]
        raise ValueError(f"size must be a positive number of pixels, at most {MAX_SIDE:,}, got {shortly(size)}")
    return int(size)  # type: ignore[call-overload]


def _class_folders(folder: Path, passed: Passed) -> tuple[str, ...]:
    entries = subfolders_and_files(folder)
    for entry in entries:
        if not entry.is_dir():
            key = passed.hidden if is_leftover(entry.name) else passed.endings
            key[entry.name if is_leftover(entry.name) else f"{entry.suffix.lower() or '(none)'} beside the class folders"] += 1
        elif is_leftover(entry.name):
            count_hidden(entry, passed)
    classes = tuple(entry.name for entry in entries if entry.is_dir() and not is_leftover(entry.name))
    if not classes:
        raise ValueError(f"{shown(folder)} has no subfolders; expected one folder of images per class")
    strange = next((name for name in classes if not is_text(name)), None)
    if strange is not None:
        raise ValueError(f"{shown(folder)}: the name of the class folder {shown(strange)} is not UTF-8; rename it")
    if len(classes) == 1:
        inner = [entry for entry in subfolders_and_files(folder / classes[0]) if not is_leftover(entry.name)]
        if len(inner) > 1 and all(entry.is_dir() for entry in inner):  # an archive unpacked into a folder of its own name
            raise ValueError(
                f"{shown(folder)} holds only the folder {shortly(classes[0])}, which holds the classes; "
                f"give {shown(folder / classes[0])}"
            )
    return classes


@dataclass
class _Pictures:
    """Pictures of one part before it is known whether any part has colour."""

    files: list[Path]
    labels: list[int]
    images: list[Image.Image]
    notes: tuple[str, ...]

    @property
    def colour(self) -> bool:
        return any(image.mode != "L" for image in self.images)

    def split(self, classes: tuple[str, ...], colour: bool) -> Split:
        grey = sum(image.mode == "L" for image in self.images)
        notes = self.notes
        if colour and grey:
            notes += (f"{count(grey, 'grey picture')} turned into colour, because others have colour",)
        width, height = self.images[0].size
        images = np.empty((len(self.images), 3 if colour else 1, height, width), np.uint8)
        for place, image in enumerate(self.images):  # one at a time: a stack of all and its transpose would take thrice the memory
            pixels = np.asarray(image.convert("RGB" if colour else "L"))
            images[place] = pixels.transpose(2, 0, 1) if colour else pixels
        return Split(np.array(self.labels, np.int64), classes, images=images, notes=notes)


def _read_folder(folder: Path, root: Path, classes: tuple[str, ...], size: int | None, before: list[_Pictures]) -> _Pictures:
    passed, remarks = Passed(), Remarks()
    unknown = set(_class_folders(folder, passed)) - set(classes)
    if unknown:
        raise ValueError(
            f"{shown(folder)}: class folder(s) {shortly(sorted(unknown))} are not among the training classes "
            f"{shortly(list(classes))}"
        )
    files, labels = [], []
    for label, name in enumerate(classes):
        found = picture_files(folder / name, root, passed, remarks) if (folder / name).is_dir() else []
        files += found
        labels += [label] * len(found)
    if not files:
        skipped = "".join(f"; {note}" for note in passed.notes())
        raise ValueError(f"{shown(folder)} has no images ({', '.join(sorted(SUFFIXES))}) in its class folders{skipped}")
    images: list[Image.Image] = []
    cropped: list[Path] = []
    for path in files:
        image = read_picture(path, remarks)
        if not images:
            _refuse_too_many(len(files) + sum(len(part.files) for part in before), image, size, folder)
        first = before[0] if before else _Pictures(files, labels, images, ())
        if size is None and first.images and image.size != first.images[0].size:
            sizes = ["x".join(map(str, each.size)) for each in (image, first.images[0])]
            raise ValueError(
                f"{shown(path)} is {sizes[0]} pixels but {shown(first.files[0].name)} is {sizes[1]}; give size= to resize them all"
            )
        if size is not None and image.width != image.height:
            cropped.append(path)
        images.append(image if size is None else ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))
    if remarks.files["sixteen"] and 0 < remarks.brightest < 256:
        raise ValueError(
            f"the 16-bit pictures of {shown(folder)} hold no value above {remarks.brightest} of 65,535 and would all be black; "
            f"save them with 8 bits (the first is {shown(remarks.files['sixteen'][0])})"
        )
    notes = [f"{count(len(cropped), 'picture')} cropped to a square before resizing ({shown(cropped[0])})"] if cropped else []
    return _Pictures(files, labels, images, (*passed.notes(), *remarks.notes(), *notes))


def _refuse_too_many(files: int, image: Image.Image, size: int | None, folder: Path) -> None:
    """All pictures have the size of the first, or are resized to one."""
    width, height = image.size if size is None else (size, size)
    number = files * width * height * (1 if image.mode == "L" else 3)
    refuse_bytes(
        number, f"{count(files, 'picture')} of {width} x {height} pixels", shown(folder), "give a smaller size=, or fewer pictures"
    )


def _with_repeats_noted(dataset: Dataset) -> Dataset:
    """Note pictures of validation and test that are in train too, and equal pictures of different classes."""
    digests = {
        part: [hashlib.blake2b(image.tobytes()).digest() for image in np.asarray(split.images)]
        for part, split in dataset.splits.items()
    }
    seen = set(digests["train"])
    classes: dict[bytes, set[int]] = {}
    for part, split in dataset.splits.items():
        for digest, label in zip(digests[part], split.labels, strict=True):
            classes.setdefault(digest, set()).add(int(label))
    doubtful = sum(len(labels) > 1 for labels in classes.values())
    shared = (f"{count(doubtful, 'picture')} with equal pixels in more than one class",) if doubtful else ()
    noted: dict[str, Any] = {}
    for part, split in dataset.splits.items():
        again = 0 if part == "train" else sum(digest in seen for digest in digests[part])
        repeats = (f"{again:,} of {count(len(split), 'picture')} of {part} are in train too (equal pixels)",) if again else ()
        noted[part] = replace(split, notes=(*split.notes, *shared, *repeats))
    return replace(dataset, **noted)
