"""The fixed fan-in operation against dense, CSR and the paper's gather form: everything a call does is inside the timed region.

Inputs and outputs are in ordinary [batch, features] layout. Competitors take turns within one run on the same threads; a row is the
median of the turns with its quartiles. It resumes: rows that are in the results already, of the same machine, are kept (--fresh
measures all again). ``--device cuda`` measures on a GPU with CUDA events.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy.sparse
import torch
from measure import RESULTS, machine, write
from torch import Tensor
from torch.nn import functional as F

from labkit.kernels import Topology, fixed_fan_in

SHAPES = [(3072, 768), (768, 3072), (682, 3072), (4096, 4096), (768, 131_072)]
BATCHES = [1, 8, 16, 32, 64, 256, 2048]
SPARSITIES = [0.8, 0.9, 0.95, 0.99]
SECONDS, TURNS = 0.8, 5  # a cell's turns go on for so long, at least so many
LIMIT = 512 * 2**20  # bytes of the gather form's intermediate, beyond which it is left out
EVICT = 96 * 2**20  # bytes written between two calls of the cold column: more than the caches hold


def sparsities(shape: tuple[int, int]) -> list[float]:
    """The FiPS factor has a sparsity of its own."""
    return [0.75] if shape == (682, 3072) else SPARSITIES


def problem(inputs: int, outputs: int, sparsity: float, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """A dense weight with the same number of links in each row, and its condensed form."""
    generator = torch.Generator().manual_seed(0)
    fan_in = max(1, round(inputs * (1 - sparsity)))
    index = torch.stack([torch.randperm(inputs, generator=generator)[:fan_in].sort().values for _ in range(outputs)])
    values = torch.randn(outputs, fan_in, generator=generator)
    dense = torch.zeros(outputs, inputs).scatter_(1, index, values)
    return dense.to(device), values.to(device), index.to(device)


def competitors(x: Tensor, dense: Tensor, values: Tensor, index: Tensor, topology: Topology) -> dict[str, Callable[[], object]]:
    """Name -> call, all of the same product."""
    csr = dense.to_sparse_csr()
    found: dict[str, Callable[[], object]] = {
        "dense": lambda: F.linear(x, dense),
        "ours": lambda: fixed_fan_in(x, values, topology),
        "torch CSR": lambda: F.linear(x, csr),
    }
    if x.shape[0] * values.numel() * 4 <= LIMIT:
        found["gather"] = lambda: (x[:, index] * values).sum(-1)
    if x.device.type == "cpu":
        matrix, plain = scipy.sparse.csr_matrix(dense.numpy()), x.numpy()
        found["scipy CSR"] = lambda: np.ascontiguousarray((matrix @ plain.T).T)
    return found


def training(x: Tensor, dense: Tensor, values: Tensor, topology: Topology) -> dict[str, Callable[[], object]]:
    """Forward and backward, with gradients of the input and the weights."""
    x = x.clone().requires_grad_()
    whole, condensed = dense.clone().requires_grad_(), values.clone().requires_grad_()
    gradient = torch.randn(x.shape[0], dense.shape[0], device=x.device)
    return {
        "dense": lambda: torch.autograd.grad(F.linear(x, whole), (x, whole), gradient),
        "ours": lambda: torch.autograd.grad(fixed_fan_in(x, condensed, topology), (x, condensed), gradient),
    }


def turn(call: Callable[[], object], device: str) -> float:
    """Seconds of one call."""
    if device == "cpu":
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3


def compete(calls: dict[str, Callable[[], object]], device: str, *, cold: bool = False) -> dict[str, list[float]]:
    """Seconds of every turn; the order changes from round to round."""
    names = list(calls)
    for name in names:
        calls[name]()
    taken: dict[str, list[float]] = {name: [] for name in names}
    waste = torch.zeros(EVICT // 4) if cold else None
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until or len(taken[names[0]]) < TURNS:
        names = names[1:] + names[:1]
        for name in names:
            if waste is not None:
                waste.add_(1)
            taken[name].append(turn(calls[name], device))
    return taken


def weight_bytes(name: str, values: Tensor, dense: Tensor) -> int:
    """Bytes of what the layer stores: values and indices."""
    links = values.numel()
    index = 2 if dense.shape[1] <= 65_536 else 4
    return {"dense": dense.numel() * 4, "ours": links * (4 + index), "gather": links * (4 + 8)}.get(name, links * 12)


def rows_of(cell: dict, taken: dict[str, list[float]], values: Tensor, dense: Tensor) -> list[dict]:
    """One row a competitor."""
    base = statistics.median(taken["dense"])
    rows = []
    for name, seconds in taken.items():
        low, middle, high = (round(1e6 * float(q), 1) for q in np.percentile(seconds, (25, 50, 75)))
        ratio = round(base / statistics.median(seconds), 2)
        stored = {"bytes": weight_bytes(name, values, dense), "turns": len(seconds)}
        rows.append({**cell, "what": name, "median_us": middle, "low_us": low, "high_us": high, "ratio_to_dense": ratio, **stored})
    shown = "  ".join(f"{row['what']} {row['median_us']:.0f} us ({row['ratio_to_dense']:.2f}x)" for row in rows)
    print(f"{cell['in']}->{cell['out']} {cell['sparsity']:.0%} B={cell['batch']} {cell['mode']}: {shown}", flush=True)
    return rows


def key(row: dict) -> tuple:
    """What makes two rows the same measurement."""
    return tuple(row[name] for name in ("in", "out", "sparsity", "batch", "mode"))


def kept(name: str) -> list[dict]:
    """Rows of an earlier run on this machine."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return []
    before = json.loads(path.read_text())
    return before["rows"] if before["machine"]["cpu"] == machine()["cpu"] else []


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
    for shape in SHAPES:
        for sparsity in sparsities(shape):
            wanted = [{"in": shape[0], "out": shape[1], "sparsity": sparsity, "batch": batch, "mode": mode} for batch in BATCHES
                      for mode in ("inference", "cold", "training") if mode == "inference" or (batch == 64 and shape[1] < 10_000)
                      or (mode == "cold" and batch == 1 and shape[1] < 10_000)]  # fmt: skip
            wanted = [cell for cell in wanted if key(cell) not in done]
            if not wanted:
                continue
            if time.monotonic() > until:
                left += [str(cell) for cell in wanted]
                continue
            dense, values, index = problem(*shape, sparsity, given.device)
            topology = Topology(index, shape[0])
            for cell in wanted:
                if time.monotonic() > until:
                    left.append(str(cell))
                    continue
                x = torch.randn(cell["batch"], shape[0], device=given.device)
                if cell["mode"] == "training":
                    taken = compete(training(x, dense, values, topology), given.device)
                else:
                    with torch.inference_mode():
                        calls = competitors(x, dense, values, index, topology)
                        taken = compete(calls, given.device, cold=cell["mode"] == "cold")
                rows += rows_of(cell, taken, values, dense)
    write(name, rows, left)


if __name__ == "__main__":
    main()
