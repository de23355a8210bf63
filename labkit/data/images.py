"""Named image data: bundled MNIST and Fashion-MNIST, CIFAR from torchvision's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labkit.data.partition import partition
from labkit.data.paths import as_path, lies_there
from labkit.data.split import Dataset, Split

BUNDLED = Path(__file__).parent / "bundled"
DIGITS = tuple("0123456789")
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


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
    except Exception as error:  # BadZipFile, zlib.error, EOFError, KeyError, SyntaxError of a damaged header, …
        raise ValueError(f"{path} is damaged ({' '.join(str(error).split())[:200]}); reinstall labkit, which ships it") from error


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
    root = as_path(root, f"the folder that holds {folder}")
    if lies_there(root / folder) != "folder":
        raise ValueError(
            f"{name} is not under {root.resolve()}: download {archive} from the CIFAR page of the University of Toronto and "
            f"unpack it there (folder {folder}), or run "
            f"torchvision.datasets.{name.upper()}({str(root)!r}, download=True); then load with root={str(root)!r}"
        )
    from torchvision import datasets  # local: importing torchvision takes seconds and only CIFAR needs it

    kind = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    odd = next((path for path in sorted((root / folder).iterdir()) if lies_there(path) != "file"), None)
    if odd is not None:  # torchvision would wait for a pipe
        raise ValueError(f"{odd} is no file of {name}; remove it, or unpack {archive} again")
    try:
        parts = {part: kind(str(root), train=part == "train") for part in ("train", "test")}
    except Exception as error:  # torchvision verifies checksums
        raise ValueError(f"the files of {name} under {root / folder} are incomplete or damaged; unpack {archive} again") from error
    splits = {
        part: Split(np.asarray(d.targets, np.int64), tuple(d.classes), images=np.ascontiguousarray(d.data.transpose(0, 3, 1, 2)))
        for part, d in parts.items()
    }
    return partition(
        splits["train"], name=name, test=splits["test"], validation_share=0.1, target="the object shown", source="A. Krizhevsky"
    )
