"""`image_folder`: a folder of pictures by class, as people have them on their disks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from labkit.data.files import Passed, count_hidden, is_leftover, picture_files, subfolders_and_files
from labkit.data.partition import partition
from labkit.data.pictures import SUFFIXES, Remarks, count, read_picture
from labkit.data.split import Dataset, Split

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}


def image_folder(root: str | Path, *, size: int | None = None, favourable: str | None = None, seed: int = 0) -> Dataset:
    """Load a folder of images with one subfolder per class (torchvision's ImageFolder layout).

    Either ``root/train/CLASS/*.png`` with optional ``val`` (or ``validation``) and ``test`` beside it, or ``root/CLASS/*.png``;
    missing parts are split off stratified, 20 % each.

    Pictures are read as people see them: turned as their EXIF orientation says, transparency over white, the first frame of an
    animation, palettes and CMYK as RGB. 16 bits are scaled from 0–65,535 and floating-point values from 0–1. If any picture of any
    part has colour, all are RGB. Hidden files, leftovers of macOS, Windows, Jupyter and editors, and files that are no pictures are
    skipped. Whatever was skipped or changed is counted in the notes of the parts.

    Parameters
    ----------
    root : path
        The folder.
    size : int, optional
        Side in pixels to which every image is resized and centre-cropped; without it, all images must have the same size.
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
        If a folder has no images, an image cannot be read or scaled, sizes differ, parts have other classes than train, or the
        favourable class is unknown.
    """
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give one with a subfolder of images per class")
    if size is not None and (isinstance(size, bool) or int(size) != size or size < 1):
        raise ValueError(f"size must be a positive number of pixels, got {size!r}")
    given, notes = _parts(root)
    folders = given or {"train": root}
    classes = _class_folders(folders["train"], Passed())
    read = {part: _read_folder(folder, root, classes, size) for part, folder in folders.items()}
    colour = any(pictures.colour for pictures in read.values())
    _check_sizes(read)
    splits = {part: pictures.split(classes, colour) for part, pictures in read.items()}
    splits = {part: replace(split, notes=(*split.notes, *notes)) for part, split in splits.items()}
    dataset = partition(
        splits["train"],
        name=root.name or root.resolve().name,
        test=splits.get("test"),
        validation=splits.get("validation"),
        seed=seed,
    )
    return _with_repeats_noted(dataset if favourable is None else dataset.with_favourable(favourable))


def _parts(root: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Folders of the given parts, empty if the classes lie in the root itself; and what a reader should know."""
    entries = [entry for entry in subfolders_and_files(root) if entry.is_dir() and not is_leftover(entry.name)]
    given: dict[str, Path] = {}
    for part, aliases in PARTS.items():
        found = sorted((entry for entry in entries if entry.name.lower() in aliases), key=lambda e: aliases.index(e.name.lower()))
        if len(found) > 1:
            raise ValueError(f"{root} has both {found[0].name!r} and {found[1].name!r}; keep one of them as the {part} part")
        if found:
            given[part] = found[0]
    if "train" not in given:
        if given and len(given) == len(entries):
            raise ValueError(
                f"{root} has {', '.join(sorted(e.name for e in entries))} but no train folder; add it or give its parent"
            )
        return {}, ()
    others = [entry.name for entry in entries if entry not in given.values()]
    return given, ((f"folders beside the parts are not read: {', '.join(others)}",) if others else ())


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
        raise ValueError(f"{folder} has no subfolders; expected one folder of images per class")
    if len(classes) == 1:
        inner = [entry for entry in subfolders_and_files(folder / classes[0]) if not is_leftover(entry.name)]
        if len(inner) > 1 and all(entry.is_dir() for entry in inner):  # an archive unpacked into a folder of its own name
            raise ValueError(f"{folder} holds only the folder {classes[0]!r}, which holds the classes; give {folder / classes[0]}")
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
        stacked = np.stack([np.asarray(image.convert("RGB" if colour else "L")) for image in self.images])
        images = stacked.transpose(0, 3, 1, 2) if colour else stacked[:, None]
        return Split(np.array(self.labels, np.int64), classes, images=np.ascontiguousarray(images), notes=notes)


def _read_folder(folder: Path, root: Path, classes: tuple[str, ...], size: int | None) -> _Pictures:
    passed, remarks = Passed(), Remarks()
    unknown = set(_class_folders(folder, passed)) - set(classes)
    if unknown:
        raise ValueError(f"{folder}: class folder(s) {sorted(unknown)} are not among the training classes {list(classes)}")
    files, labels = [], []
    for label, name in enumerate(classes):
        found = picture_files(folder / name, root, passed, remarks) if (folder / name).is_dir() else []
        files += found
        labels += [label] * len(found)
    if not files:
        skipped = "".join(f"; {note}" for note in passed.notes())
        raise ValueError(f"{folder} has no images ({', '.join(sorted(SUFFIXES))}) in its class folders{skipped}")
    images, cropped = [], []
    for path in files:
        image = read_picture(path, remarks)
        if size is not None and image.width != image.height:
            cropped.append(path)
        images.append(image if size is None else ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))
    if remarks.files["sixteen"] and 0 < remarks.brightest < 256:
        raise ValueError(
            f"the 16-bit pictures of {folder} hold no value above {remarks.brightest} of 65,535 and would all be black; "
            f"save them with 8 bits (the first is {remarks.files['sixteen'][0]})"
        )
    notes = [f"{count(len(cropped), 'picture')} cropped to a square before resizing ({cropped[0]})"] if cropped else []
    return _Pictures(files, labels, images, (*passed.notes(), *remarks.notes(), *notes))


def _check_sizes(read: dict[str, _Pictures]) -> None:
    """All pictures of all parts must have one size."""
    first = next(iter(read.values()))
    for pictures in read.values():
        for path, image in zip(pictures.files, pictures.images, strict=True):
            if image.size != first.images[0].size:
                sizes = ["x".join(map(str, picture.size)) for picture in (image, first.images[0])]
                raise ValueError(
                    f"{path} is {sizes[0]} pixels but {first.files[0].name} is {sizes[1]}; give size= to resize them all"
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
