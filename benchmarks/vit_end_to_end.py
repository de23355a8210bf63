"""End-to-end time of vision transformers with condensed attention and MLP layers, against the dense models in the same run.

Weights are random, because speed does not depend on them. "dense" is the model as timm builds it; "masked dense" has the pruned
weights in dense layers, as other frameworks store them, and serves to compare outputs. Passes alternate.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time

import numpy as np
import timm
import torch
from measure import RESULTS, machine, write
from torch import Tensor, nn

from labkit import compress
from labkit.layers import FixedFanInLinear, FixedFanInMLP, replace_layer

MODELS = ["vit_base_patch16_224", "deit_small_patch16_224"]
BATCHES = [1, 16]
SPARSITIES = [0.8, 0.9, 0.95]
TURNS = {1: 15, 16: 7}


def masked(model: nn.Module) -> nn.Module:
    """Convert the condensed layers to dense layers with zeros."""
    model = copy.deepcopy(model)
    for kind in (FixedFanInMLP, FixedFanInLinear):
        for path, layer in list(model.named_modules()):
            if isinstance(layer, kind):
                replace_layer(model, path, layer.to_dense())
    return model


def compete(models: dict[str, nn.Module], x: Tensor, turns: int) -> dict[str, list[float]]:
    """Seconds of each pass, with the models alternating."""
    taken: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(turns + 1):
        for name, model in models.items():
            began = time.perf_counter()
            model(x)
            if turn:  # the first pass is a warm-up
                taken[name].append(time.perf_counter() - began)
    return taken


def measured(name: str, sparsity: float, batch: int, dense: nn.Module, small: nn.Module) -> list[dict]:
    """One row per model."""
    x = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(batch))
    pruned = masked(small)
    difference = float((pruned(x) - small(x)).abs().max())
    taken = compete({"dense": dense, "masked dense": pruned, "ours": small}, x, TURNS[batch])
    base, rows = statistics.median(taken["dense"]), []
    for what, seconds in taken.items():
        low, middle, high = (round(1e3 * float(q), 2) for q in np.percentile(seconds, (25, 50, 75)))
        row = {
            "model": name,
            "batch": batch,
            "sparsity": sparsity,
            "what": what,
            "median_ms": middle,
            "low_ms": low,
            "high_ms": high,
        }
        row |= {
            "ratio_to_dense": round(base / statistics.median(seconds), 2),
            "turns": len(seconds),
            "threads": torch.get_num_threads(),
        }
        rows.append({**row, "max_difference_to_masked": difference if what == "ours" else None})
    shown = "  ".join(f"{row['what']} {row['median_ms']:.0f} ms ({row['ratio_to_dense']:.2f}x)" for row in rows)
    print(f"{name} {sparsity:.0%} B={batch}: {shown}  largest difference {difference:.1e}", flush=True)
    return rows


def kept() -> list[dict]:
    """Rows of an earlier run on this machine."""
    path = RESULTS / "vit_end_to_end.json"
    before = json.loads(path.read_text()) if path.is_file() else {"rows": [], "machine": machine()}
    return before["rows"] if before["machine"] == machine() else []


def main() -> None:
    """Measure cell by cell until the budget is spent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    until, rows, left = time.monotonic() + 60 * given.budget, [] if given.fresh else kept(), []
    done = {(row["model"], row["sparsity"], row["batch"]) for row in rows}
    cells = [(name, s, batch) for name in MODELS for s in SPARSITIES for batch in BATCHES]
    for name, sparsity, batch in cells:
        if (name, sparsity, batch) in done:
            continue
        if time.monotonic() > until:
            left.append(f"{name}, sparsity {sparsity}, batch {batch}")
            continue
        torch.manual_seed(0)
        dense = timm.create_model(name, pretrained=False).eval()
        with torch.inference_mode():
            rows += measured(name, sparsity, batch, dense, compress.condense(dense, sparsity=sparsity, layers="blocks.*"))
    write("vit_end_to_end", rows, left)


if __name__ == "__main__":
    main()
