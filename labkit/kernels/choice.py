"""Which backend ``backend="auto"`` selects, from a table of measured times."""

from __future__ import annotations

import json
import math
import os
import platform
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from labkit.files import write_text
from labkit.kernels.own_table import read_own_table

SHIPPED = Path(__file__).with_name("table.json")
SHAPES = [(128, 128), (256, 256), (768, 768), (3072, 768)]
DENSITIES = [0.9, 0.7, 0.5, 0.25, 0.1, 0.05]
BATCHES = [1, 16, 64, 512]
DENSE_MARGIN = 0.9  # dense must take less than this fraction of the kernel's time, because it also allocates a dense weight
MAX_TEMPORARY = 2**23  # elements of a dense weight built for one call, 32 MB
MAX_CACHED = 2**16  # elements of a dense weight that a layer may cache, 256 kB


class Choice(NamedTuple):
    """A backend and why it was selected.

    Attributes
    ----------
    backend : str
        One of the backends of `labkit.kernels.fixed_fan_in`.
    reason : str
        The measurement or rule behind it.
    """

    backend: str
    reason: str


def choose(batch: int, inputs: int, outputs: int, fan_in: int, device: str = "cpu") -> Choice:
    """Return the backend that `fixed_fan_in` uses for ``backend="auto"``.

    Parameters
    ----------
    batch : int
        Number of examples.
    inputs, outputs : int
        Shape of the layer.
    fan_in : int
        Connections per output.
    device : {"cpu", "cuda", …}
        A torch device type.

    Returns
    -------
    Choice
        Backend and reason.

    Examples
    --------
    >>> choose(64, 3072, 768, 77).backend
    'cpu'
    """
    if device != "cpu":
        return _choose_gpu(device)
    return _choose_cpu(batch, inputs, outputs, fan_in)


@lru_cache(maxsize=4096)
def _choose_cpu(batch: int, inputs: int, outputs: int, fan_in: int) -> Choice:
    if not batch or not fan_in or not inputs or not outputs:
        return Choice("cpu", "the product is empty")
    row = nearest(batch, inputs, outputs, fan_in)
    shape = f"{row['inputs']} -> {row['outputs']}, density {row['density']:.0%}, batch {row['batch']}"
    times = f"{row['cpu_us']:.0f} us with the kernel, {row['dense_us']:.0f} us with a dense weight built for the call"
    fits = inputs * outputs <= MAX_TEMPORARY
    backend = "dense" if fits and row["dense_us"] < DENSE_MARGIN * row["cpu_us"] else "cpu"
    return Choice(backend, f"the nearest measurement, {shape}: {times} ({table()['cpu']})")


def nearest(batch: int, inputs: int, outputs: int, fan_in: int) -> dict:
    """Return the row of `table` whose size, density and batch are nearest.

    Parameters
    ----------
    batch, inputs, outputs, fan_in : int
        As for `choose`; all positive.

    Returns
    -------
    dict
        A row of the table.
    """
    here = (math.log(inputs * outputs), 2 * math.log(fan_in / inputs), math.log(batch))
    return min(table()["rows"], key=lambda row: math.dist(here, _coordinates(row)))


def _coordinates(row: dict) -> tuple[float, float, float]:
    """Size, density (weighted twice) and batch, in logarithms."""
    return math.log(row["inputs"] * row["outputs"]), 2 * math.log(row["density"]), math.log(row["batch"])


@lru_cache(maxsize=4096)
def cached_dense_is_faster(batch: int, inputs: int, outputs: int, fan_in: int) -> bool:
    """Tell whether a layer should cache a dense weight and multiply with that.

    This holds for small layers and small batches, where calling the kernel costs more than the product.

    Parameters
    ----------
    batch, inputs, outputs, fan_in : int
        As for `choose`.

    Returns
    -------
    bool
        False for layers of more than MAX_CACHED elements.
    """
    if inputs * outputs > MAX_CACHED or not batch or not fan_in:
        return False
    row = nearest(batch, inputs, outputs, fan_in)
    return row["kept_us"] < row["cpu_us"]


@cache
def _choose_gpu(device: str) -> Choice:
    from labkit.kernels.on_gpu import available  # local: importing Triton takes 0.4 s and a CPU needs none of it

    if available(torch.device(device)):
        return Choice("triton", "compiled for this device; other backends are not measured there")
    return Choice("reference", f"no kernel is compiled for {device}")


@cache
def table() -> dict[str, Any]:
    """Return the table in use: this machine's own if `labkit kernels --measure` has written one, else the shipped one.

    A file that is no such table is ignored with one warning.

    Returns
    -------
    dict
        "cpu" (name of the processor), "threads", and "rows" with inputs, outputs, density, batch, cpu_us, dense_us, kept_us
        (microseconds of the kernel, of a dense weight built for the call, and of a cached dense weight).
    """
    own = read_own_table(table_path(), cpu_name())
    return json.loads(SHIPPED.read_text()) if own is None else own


def table_path() -> Path:
    """Return the path of this machine's table.

    Returns
    -------
    Path
        ``labkit/kernels.json`` in the user's cache folder.
    """
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(home or Path.home() / ".cache") / "labkit" / "kernels.json"
    except RuntimeError:  # a user without a home folder has no table
        return Path(os.devnull) / "labkit" / "kernels.json"


def cpu_name() -> str:
    """Return the name of the processor.

    Returns
    -------
    str
        As the operating system reports it; may be empty.
    """
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(errors="replace").splitlines() if facts.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def save_table(found: dict[str, Any]) -> Path:
    """Write this machine's table and use it from now on.

    Parameters
    ----------
    found : dict
        As returned by `labkit.kernels.tuning.measure_table`.

    Returns
    -------
    Path
        Where it was written.
    """
    write_text(table_path(), json.dumps(found, indent=1) + "\n")
    for cached in (table, _choose_cpu, cached_dense_is_faster):
        cached.cache_clear()
    return table_path()
