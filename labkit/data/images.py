"""Image data: bundled MNIST and Fashion-MNIST, CIFAR from torchvision's files, folders of images by class."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from labkit.data.partition import partition
from labkit.data.split import Dataset, Split

BUNDLED = Path(__file__).parent / "bundled"
DIGITS = tuple("0123456789")
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def bundled(name: str) -> Dataset:
    """Load MNIST or Fashion-MNIST.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist"}
        Data set.

    Returns
    -------
    Dataset
        55,000 / 5,000 / 10,000 images, uint8 [N, 1, 28, 28]; the test part is the official one.
    """
    classes, source = {
        "mnist": (DIGITS, "Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0"),
        "fashion_mnist": (GARMENTS, "Zalando SE; MIT"),
    }[name]
    arrays = _read_npz(BUNDLED / f"{name}.npz", ("x_train", "y_train", "x_test", "y_test"))
    train, test = (
        Split(arrays[f"y_{part}"].astype(np.int64), classes, images=arrays[f"x_{part}"][:, None]) for part in ("train", "test")
    )
    target = "the digit drawn" if name == "mnist" else "the kind of garment"
    return partition(train, name=name, test=test, validation_share=1 / 12, target=target, source=source)


def _read_npz(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read named arrays without unpickling; raise ValueError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in keys}
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; reinstall labkit, which ships it") from None
    except (zipfile.BadZipFile, OSError, EOFError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}); reinstall labkit, which ships it") from error


def cifar(name: str, root: str | Path = "data") -> Dataset:
    """Load CIFAR-10 or CIFAR-100 from torchvision's files, without downloading.

    Parameters
    ----------
    name : {"cifar10", "cifar100"}
        Data set.
    root : path
        Folder with the extracted archive.

    Returns
    -------
    Dataset
        45,000 / 5,000 / 10,000 images, uint8 [N, 3, 32, 32]; the test part is the official one.

    Raises
    ------
    ValueError
        If files are missing (the message says what to download and where to put it) or damaged.
    """
    folder, archive = {
        "cifar10": ("cifar-10-batches-py", "cifar-10-python.tar.gz (170 MB)"),
        "cifar100": ("cifar-100-python", "cifar-100-python.tar.gz (169 MB)"),
    }[name]
    root = Path(root)
    if not (root / folder).is_dir():
        raise ValueError(
            f"{name} is not under {root.resolve()}: download {archive} from the CIFAR page of the University of Toronto and "
            f"unpack it there (folder {folder}), or run "
            f"torchvision.datasets.{name.upper()}({str(root)!r}, download=True); then load with root={str(root)!r}"
        )
    from torchvision import datasets  # local: importing torchvision takes seconds and only CIFAR needs it

    kind = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    try:
        parts = {part: kind(str(root), train=part == "train") for part in ("train", "test")}
    except RuntimeError as error:  # torchvision verifies checksums
        raise ValueError(f"the files of {name} under {root / folder} are incomplete or damaged; unpack {archive} again") from error
    splits = {
        part: Split(np.asarray(d.targets, np.int64), tuple(d.classes), images=np.ascontiguousarray(d.data.transpose(0, 3, 1, 2)))
        for part, d in parts.items()
    }
    return partition(
        splits["train"], name=name, test=splits["test"], validation_share=0.1, target="the object shown", source="A. Krizhevsky"
    )


def image_folder(root: str | Path, *, size: int | None = None, seed: int = 0) -> Dataset:
    """Load a folder of images with one subfolder per class (torchvision's ImageFolder layout).

    Either ``root/train/CLASS/*.png`` with optional ``val`` (or ``validation``) and ``test`` beside it, or ``root/CLASS/*.png``;
    missing parts are split off stratified, 20 % each.

    Parameters
    ----------
    root : path
        The folder.
    size : int, optional
        Side in pixels to which every image is resized and centre-cropped; without it, all images must have the same size.
    seed : int
        Determines the split if the folder has none.

    Returns
    -------
    Dataset
        Images uint8 [N, 1, H, W] if all are greyscale, else [N, 3, H, W].

    Raises
    ------
    ValueError
        If a folder has no images, an image cannot be read, sizes differ, or parts have other classes than train.
    """
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give one with a subfolder of images per class")
    given = {
        part: next((root / alias for alias in aliases if (root / alias).is_dir()), None)
        for part, aliases in {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}.items()
    }
    top = given["train"] or root
    classes = _class_folders(top)
    parts = {part: _read_folder(folder, classes, size) for part, folder in given.items() if folder and part != "train"}
    train = _read_folder(top, classes, size)
    shapes = {part: split.images.shape[1:] for part, split in {"train": train, **parts}.items() if split.images is not None}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{root}: the parts have images of different shapes {shapes}; give size= to resize them all")
    return partition(train, name=root.name, test=parts.get("test"), validation=parts.get("validation"), seed=seed)


def _class_folders(folder: Path) -> tuple[str, ...]:
    classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    if not classes:
        raise ValueError(f"{folder} has no subfolders; expected one folder of images per class")
    return classes


def _read_folder(folder: Path, classes: tuple[str, ...], size: int | None) -> Split:
    unknown = set(_class_folders(folder)) - set(classes)
    if unknown:
        raise ValueError(f"{folder}: class folder(s) {sorted(unknown)} are not among the training classes {list(classes)}")
    files = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not files:
        raise ValueError(f"{folder} has no images ({', '.join(sorted(SUFFIXES))}) in its class folders")
    pictures = [_read_image(path, size) for path, _ in files]
    colour = any(picture.mode != "L" for picture in pictures)
    arrays = [np.asarray(picture.convert("RGB" if colour else "L")) for picture in pictures]
    odd = next((i for i, array in enumerate(arrays) if array.shape != arrays[0].shape), None)
    if odd is not None:
        raise ValueError(
            f"{files[odd][0]} is {arrays[odd].shape[1]}x{arrays[odd].shape[0]} pixels but {files[0][0].name} is "
            f"{arrays[0].shape[1]}x{arrays[0].shape[0]}; give size= to resize them all"
        )
    stacked = np.stack(arrays)
    images = stacked.transpose(0, 3, 1, 2) if colour else stacked[:, None]
    return Split(np.array([label for _, label in files], np.int64), classes, images=np.ascontiguousarray(images))


def _read_image(path: Path, size: int | None) -> Image.Image:
    try:
        with Image.open(path) as opened:
            picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an image ({error}); remove or replace it") from error
    return picture if size is None else ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
