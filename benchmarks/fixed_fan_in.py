"""The fixed fan-in operation against dense, CSR and the paper's gather form: everything a call does is inside the timed region.

``labkit/kernels/speed.py`` describes the measurement. The benchmark resumes: existing rows of the same machine and number of
threads are kept (--fresh measures all again). ``--device cuda`` measures on a GPU with CUDA events.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from measure import RESULTS, machine, write

from labkit.kernels import Topology
from labkit.kernels.speed import measure_cell, problem

SHAPES = [(3072, 768), (768, 3072), (682, 3072), (4096, 4096), (768, 131_072)]
BATCHES = [1, 8, 16, 32, 64, 256, 2048]
SPARSITIES = [0.8, 0.9, 0.95, 0.99]
SECONDS = 0.8  # time spent on each cell
WIDE = 10_000  # layers with more outputs are measured only in inference
NAMES = ("in", "out", "sparsity", "batch", "mode")


def sparsities(shape: tuple[int, int]) -> list[float]:
    """Sparsities measured for a shape; that of the FiPS factor is fixed."""
    return [0.75] if shape == (682, 3072) else SPARSITIES


def modes(batch: int, outputs: int) -> list[str]:
    """Modes measured for a batch size: inference always, cold caches and training for some."""
    more = {1: ["cold"], 64: ["cold", "training"]} if outputs < WIDE else {}
    return ["inference", *more.get(batch, [])]


def key(row: dict) -> tuple:
    """Key of a measurement."""
    return tuple(row[name] for name in NAMES)


def kept(name: str) -> list[dict]:
    """Rows of an earlier run on this machine."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return []
    before = json.loads(path.read_text())
    same = before["machine"]["cpu"] == machine()["cpu"]
    return [row for row in before["rows"] if same and row.get("threads") == torch.get_num_threads()]


def show(rows: list[dict]) -> None:
    """Print one line per cell."""
    cell = rows[0]
    shown = "  ".join(f"{row['what']} {row['median_us']:.0f} us ({row['ratio_to_dense']:.2f}x)" for row in rows)
    print(f"{cell['in']}->{cell['out']} {cell['sparsity']:.0%} B={cell['batch']} {cell['mode']}: {shown}", flush=True)


def main() -> None:
    """Measure cell by cell until the budget is spent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    name = "fixed_fan_in" if given.device == "cpu" else "fixed_fan_in_cuda"
    until, left = time.monotonic() + 60 * given.budget, []
    rows = [] if given.fresh else kept(name)
    done = {key(row) for row in rows}
    for inputs, outputs in SHAPES:
        for sparsity in sparsities((inputs, outputs)):
            cells = [(inputs, outputs, sparsity, batch, mode) for batch in BATCHES for mode in modes(batch, outputs)]
            wanted = [cell for cell in cells if cell not in done]
            made = None
            for cell in wanted:
                if time.monotonic() > until:
                    left.append(str(dict(zip(NAMES, cell, strict=True))))
                    continue
                if made is None:
                    made = problem(inputs, outputs, sparsity, given.device)
                    topology = Topology(made[2], inputs)
                *_, batch, mode = cell
                taken = measure_cell(
                    made, topology, sparsity=sparsity, batch=batch, mode=mode, seconds=SECONDS, device=given.device
                )
                show(taken)
                rows += taken
    write(name, rows, left)


if __name__ == "__main__":
    main()
