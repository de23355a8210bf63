"""Time and memory of a step of sparse training: condensed storage against masks on dense weights.

The network is an MLP of three layers 3072 wide, batch 256, AdamW; steps of the variants alternate. Memory is the size of weights,
indices, gradients and moments, and the peak of a process during updates above its start (each in a process of its own).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from pathlib import Path

import timm
import torch
from measure import write
from torch import nn
from torch.nn import functional as F

from labkit import sparsify

WIDTH, BATCH, EVERY = 3072, 256, 4


def begun(storage: str, sparsity: float, width: int = WIDTH) -> tuple[nn.Module, torch.optim.Optimizer, sparsify.Sparsifier | None]:
    """Network, optimizer and sparsifier; "dense" has none."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    sparsifier = None
    if storage != "dense":
        sparsifier = sparsify.srigl(
            model, sparsity=sparsity, total_steps=10_000, update_every=EVERY, distribution="uniform", storage=storage
        )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    if sparsifier is not None:
        sparsifier.attach(optimizer)
    return model, optimizer, sparsifier


def step(parts: tuple, x: torch.Tensor, y: torch.Tensor) -> bool:
    """One step of training; whether connections were updated."""
    model, optimizer, sparsifier = parts
    optimizer.zero_grad(set_to_none=True)
    F.mse_loss(model(x), y).backward()
    optimizer.step()
    return sparsifier is not None and sparsifier.step()


def times(sparsity: float, turns: int) -> list[dict]:
    """Median of plain steps and of steps with an update, by storage."""
    x, y = torch.randn(BATCH, WIDTH), torch.randn(BATCH, WIDTH)
    parts = {storage: begun(storage, sparsity) for storage in ("dense", "masked", "condensed")}
    taken: dict[tuple[str, bool], list[float]] = {}
    for turn in range(turns):
        for storage, its in parts.items():
            began = time.perf_counter()
            changed = step(its, x, y)
            if turn:
                taken.setdefault((storage, changed), []).append(time.perf_counter() - began)
    base = statistics.median(taken["masked", False])
    rows = []
    for (storage, changed), seconds in taken.items():
        middle = statistics.median(seconds)
        what = f"{storage}, {'connections updated' if changed else 'plain step'}"
        row = {"what": what, "sparsity": sparsity, "median_ms": round(1e3 * middle, 1), "ratio_to_masked": round(base / middle, 2)}
        rows.append({**row, "turns": len(seconds), "threads": torch.get_num_threads()})
        print(rows[-1], flush=True)
    return rows


def held(parts: tuple) -> int:
    """Bytes of weights, indices, gradients and moments."""
    model, optimizer, _ = parts
    tensors = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters() if p.grad is not None)]
    for layer in model.modules():
        made = getattr(getattr(layer, "topology", None), "_inverse", None)
        tensors += [] if made is None else list(made)
    tensors += [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]
    return sum(tensor.nbytes for tensor in tensors)


def peak(storage: str, sparsity: float) -> None:
    """Print bytes held, and the peak memory of the process above its start, over steps with updates."""
    small = begun(storage, sparsity, 64)  # libraries loaded at first use are not a cost of a step
    for _ in range(2 * EVERY):
        step(small, torch.randn(8, 64), torch.randn(8, 64))
    gc.collect()
    start = _memory("VmRSS")
    parts = begun(storage, sparsity)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    x, y = torch.randn(BATCH, WIDTH), torch.randn(BATCH, WIDTH)
    for _ in range(2 * EVERY + 1):
        step(parts, x, y)
    print(held(parts), _memory("VmHWM") - start)


def _memory(kind: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind + ":"))


def memory(sparsity: float) -> list[dict]:
    """One row per storage."""
    rows: list[dict] = []
    for storage in ("dense", "masked", "condensed"):
        command = [sys.executable, __file__, "--peak", storage, str(sparsity)]
        kept, most = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        row = {
            "what": f"{storage}, memory",
            "sparsity": sparsity,
            "held_mb": round(kept / 2**20, 1),
            "peak_mb": round(most / 2**20, 1),
        }
        first = rows[0] if rows else row
        shares = {
            "held_share": round(row["held_mb"] / first["held_mb"], 3),
            "peak_share": round(row["peak_mb"] / first["peak_mb"], 3),
        }
        rows.append({**row, **shares})
        print(rows[-1], flush=True)
    return rows


def updates() -> list[dict]:
    """Time of an update relative to 100 steps, by masks on networks of timm."""
    rows = []
    for name, batch, distribution in (("resnet18", 16, "erk"), ("vit_small_patch16_224", 8, "uniform")):
        torch.manual_seed(0)
        model = timm.create_model(name, pretrained=False, num_classes=10)
        sparsifier = sparsify.srigl(model, sparsity=0.9, total_steps=1000, update_every=EVERY, distribution=distribution)
        optimizer = torch.optim.AdamW(model.parameters())
        sparsifier.attach(optimizer)
        x, y = torch.randn(batch, 3, 224, 224), torch.randint(10, (batch,))
        steps, changes = [], []
        for _ in range(3 * EVERY + 1):
            began = time.perf_counter()
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            between = time.perf_counter()
            if sparsifier.step():
                changes.append(time.perf_counter() - between)
            steps.append(between - began)
        each, change = statistics.median(steps[1:]), statistics.median(changes)
        row = {"what": f"{name}, masked, connections updated", "sparsity": 0.9, "batch": batch, "step_ms": round(1e3 * each, 1)}
        rows.append({**row, "change_ms": round(1e3 * change, 1), "share_of_100_steps": round(change / (100 * each), 4)})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, and write results/sparse_training.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--peak", nargs=2, metavar=("STORAGE", "SPARSITY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        peak(given.peak[0], float(given.peak[1]))
        return
    until, rows, left = time.monotonic() + 60 * given.budget, [], []
    for sparsity in (0.8, 0.9, 0.95):
        if time.monotonic() > until:
            left.append(f"sparsity {sparsity}")
            continue
        rows += times(sparsity, turns=25) + memory(sparsity)
    if time.monotonic() < until:
        rows += updates()
    else:
        left.append("updates in networks of timm")
    write("sparse_training", rows, left)


if __name__ == "__main__":
    main()
