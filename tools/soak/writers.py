"""What labkit writes to disk, each with a way to write it and to read it again."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from labkit import audit, compress, data, export, models, runs
from labkit.data import Split
from labkit.kernels import choice
from labkit.training import checkpoint


@dataclass(frozen=True)
class Writer:
    """Something that is written.

    Parameters
    ----------
    name : str
    write : callable (folder, version)
        Versions 0 and 1 have other content.
    read : callable (folder)
        Raises where what is there is not whole.
    """

    name: str
    write: Callable[[Path, int], object]
    read: Callable[[Path], object]


def _network(version: int, width: int = 64) -> nn.Module:
    torch.manual_seed(version)
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3)).eval()


def _split() -> Split:
    numbers = np.random.default_rng(0)
    return Split(numbers.integers(0, 3, 60), ("a", "b", "c"), x=numbers.normal(size=(60, 6)).astype(np.float32))


def _audited(version: int) -> tuple[nn.Module, audit.Audit]:
    network = _network(version)
    small = compress.condense(network, sparsity=0.75)
    return small, audit.audit(small, _split(), reference=network, cost=False, seconds=0)


def _save_run(folder: Path, version: int) -> None:
    small, found = _audited(version)
    config = {"method": "condense", "parameters": {"sparsity": 0.75}, "model": "net", "data": "numbers", "seed": version}
    runs.Store(folder / "runs").save(small, audit=found, config=config)


def _load_runs(folder: Path) -> None:
    store = runs.Store(folder / "runs")
    assert store.ids(), "no run is there"
    for name in store.ids():
        store.load(name)


def _export(folder: Path, version: int) -> None:
    small, found = _audited(version)
    place = folder / f"export-{version}"
    export.export((small, found), format="safetensors", folder=place, data=_split())


def _exported(folder: Path) -> None:
    for place in folder.glob("export-*"):
        assert {"load.py", "audit.json", "samples.npz", "README.md"} <= {path.name for path in place.iterdir()}, (
            "the export lacks files"
        )


def _table(folder: Path, version: int) -> None:
    os.environ["XDG_CACHE_HOME"] = str(folder)
    choice.save_table({**choice.table(), "cpu": choice.cpu_name(), "threads": version + 1})


def _read_table(folder: Path) -> None:
    os.environ["XDG_CACHE_HOME"] = str(folder)
    choice.table.cache_clear()
    assert choice.table()["cpu"] == choice.cpu_name()


def _pictures(folder: Path, version: int) -> None:
    numbers = np.random.default_rng(version)
    split = Split(np.arange(24) % 3, ("a", "b", "c"), images=numbers.integers(0, 255, (24, 3, 32, 32), dtype=np.uint8))
    data.picture_grid(split, folder / "pictures.png")


def _see(folder: Path) -> None:
    from PIL import Image

    Image.open(folder / "pictures.png").load()


WRITERS = (
    Writer("run", _save_run, _load_runs),
    Writer(
        "checkpoint",
        lambda folder, version: checkpoint.save(folder / "c.pt", {"model": _network(version).state_dict(), "step": version}),
        lambda folder: checkpoint.load(folder / "c.pt"),
    ),
    Writer(
        "weights",
        lambda folder, version: models.save_weights(_network(version), folder / "w.safetensors"),
        lambda folder: models.load_weights(_network(0), folder / "w.safetensors"),
    ),
    Writer("export", _export, _exported),
    Writer("kernels.json", _table, _read_table),
    Writer("pictures", _pictures, _see),
)
