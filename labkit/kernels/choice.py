"""Which backend a call takes when it is left to us: by a small table of measured times."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from labkit.files import write_text

SHIPPED = Path(__file__).with_name("table.json")
SHAPES = [(128, 128), (256, 256), (768, 768), (3072, 768)]
DENSITIES = [0.9, 0.7, 0.5, 0.25, 0.1, 0.05]
BATCHES = [1, 16, 64, 512]
CLEARLY = 0.9  # dense is taken when it needs less than this share of the kernel's time: it also needs the memory of a dense weight
DENSE_UP_TO = 2**23  # numbers of a dense weight that is made for one call, 32 MB
KEEP_UP_TO = 2**16  # numbers of a dense weight that a layer may keep beside its links, 256 kB


class Choice(NamedTuple):
    """What runs, and why."""

    backend: str
    reason: str


def choose(batch: int, inputs: int, outputs: int, fan_in: int, device: str = "cpu") -> Choice:
    """Return the backend that `fixed_fan_in` takes with ``backend="auto"``.

    Parameters
    ----------
    batch, inputs, outputs, fan_in : int
    device : {"cpu", "cuda", …}
        A torch device type.

    Examples
    --------
    >>> choose(64, 3072, 768, 77).backend
    'cpu'
    """
    if device != "cpu":
        return _off_the_processor(device)
    return _on_the_processor(batch, inputs, outputs, fan_in)


@lru_cache(maxsize=4096)
def _on_the_processor(batch: int, inputs: int, outputs: int, fan_in: int) -> Choice:
    if not batch or not fan_in or not inputs or not outputs:
        return Choice("cpu", "there is next to nothing to do")
    row = nearest(batch, inputs, outputs, fan_in)
    shape = f"{row['inputs']} -> {row['outputs']}, {row['density']:.0%} of the links, batch {row['batch']}"
    times = f"{row['cpu_us']:.0f} us by the kernel, {row['dense_us']:.0f} us by a dense weight made for the call"
    fits = inputs * outputs <= DENSE_UP_TO
    backend = "dense" if fits and row["dense_us"] < CLEARLY * row["cpu_us"] else "cpu"
    return Choice(backend, f"the nearest measurement, {shape}: {times} ({table()['cpu']})")


def nearest(batch: int, inputs: int, outputs: int, fan_in: int) -> dict:
    """Return the measurement whose size, density and batch are nearest."""
    here = (math.log(inputs * outputs), 2 * math.log(fan_in / inputs), math.log(batch))
    return min(table()["rows"], key=lambda row: math.dist(here, _place(row)))


def _place(row: dict) -> tuple[float, float, float]:
    """Where a measurement lies: size, density (which weighs most) and batch, in logarithms."""
    return math.log(row["inputs"] * row["outputs"]), 2 * math.log(row["density"]), math.log(row["batch"])


@lru_cache(maxsize=4096)
def keep_dense(batch: int, inputs: int, outputs: int, fan_in: int) -> bool:
    """Whether a layer does better to keep a dense weight beside its links.

    Small ones with few examples do, where the way to the kernel takes longer than the product.
    """
    if inputs * outputs > KEEP_UP_TO or not batch or not fan_in:
        return False
    row = nearest(batch, inputs, outputs, fan_in)
    return row["kept_us"] < row["cpu_us"]


@cache
def _off_the_processor(device: str) -> Choice:
    from labkit.kernels.triton_kernels import available  # takes a moment to import, and a processor needs none of it

    if available(torch.device(device)):
        return Choice("triton", "compiled for this device; other ways are not in the table")
    return Choice("reference", f"no kernel is compiled for {device}")


@cache
def table() -> dict[str, Any]:
    """Return the table in use: this machine's, where `labkit kernels --measure` has made one, else the one that is shipped.

    Returns
    -------
    dict
        "cpu" (its name), "threads", and "rows": inputs, outputs, density, batch, cpu_us, dense_us, kept_us
        (with a dense weight that is there already).
    """
    try:
        mine = json.loads(own_table().read_text())
        if mine["cpu"] == cpu_name() and mine["rows"]:
            return mine
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return json.loads(SHIPPED.read_text())


def own_table() -> Path:
    """Where this machine's table is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labkit" / "kernels.json"


def cpu_name() -> str:
    """The processor's name, as far as the system tells."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def measured(progress: Callable[[float, str], None] | None = None, seconds: float = 0.15) -> dict[str, Any]:
    """Measure the table's entries on this machine, about half a minute, and return them as `table` does.

    Parameters
    ----------
    progress : callable, optional
        Called with the fraction that is done and a short message.
    seconds : float
        For each entry.
    """
    from labkit.kernels.speed import measure_backends

    rows, cells = [], [(shape, density) for shape in SHAPES for density in DENSITIES]
    for done, (shape, density) in enumerate(cells):
        if progress:
            progress(done / len(cells), f"{shape[0]} -> {shape[1]}, {density:.0%} of the links")
        for batch, took in measure_backends(*shape, 1 - density, BATCHES, seconds=seconds).items():
            times = {f"{way}_us": round(1e6 * spent, 1) for way, spent in took.items()}
            rows.append({"inputs": shape[0], "outputs": shape[1], "density": density, "batch": batch, **times})
    return {"cpu": cpu_name(), "threads": torch.get_num_threads(), "rows": rows}


def keep(found: dict[str, Any]) -> Path:
    """Write this machine's table, use it from now on, and return where it is."""
    write_text(own_table(), json.dumps(found, indent=1) + "\n")
    for known in (table, _on_the_processor, keep_dense):
        known.cache_clear()
    return own_table()
