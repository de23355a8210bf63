"""Measurement of the table from which ``backend="auto"`` selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from labkit.kernels.choice import BATCHES, DENSITIES, SHAPES, cpu_name
from labkit.kernels.speed import measure_backends


def measure_table(progress: Callable[[float, str], None] | None = None, seconds: float = 0.15) -> dict[str, Any]:
    """Measure every entry of the table on this machine, which takes about half a minute.

    Parameters
    ----------
    progress : callable, optional
        Called with the completed fraction and a short message.
    seconds : float
        Time spent on each entry.

    Returns
    -------
    dict
        As `labkit.kernels.choice.table`; pass it to `labkit.kernels.choice.save_table` to use it.
    """
    rows, cells = [], [(shape, density) for shape in SHAPES for density in DENSITIES]
    for done, (shape, density) in enumerate(cells):
        if progress:
            progress(done / len(cells), f"{shape[0]} -> {shape[1]}, density {density:.0%}")
        for batch, took in measure_backends(*shape, 1 - density, BATCHES, seconds=seconds).items():
            times = {f"{backend}_us": round(1e6 * spent, 1) for backend, spent in took.items()}
            rows.append({"inputs": shape[0], "outputs": shape[1], "density": density, "batch": batch, **times})
    return {"cpu": cpu_name(), "threads": torch.get_num_threads(), "rows": rows}
