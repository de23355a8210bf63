"""Shared bases against other ways to make feed-forward layers smaller: quality at equal bytes, time, bytes and memory.

Quality: vit_fashion, trained here, on its whole test part; every method has the same share of the bytes of the same layers,
patterns and bits counted, and calibrates, where it does, on the same training images. Fitted ones are fitted on those images alone,
as many steps each. Speed: the four feed-forward blocks of a group of DeiT-B, 16 images of 197 tokens, in turns with the dense ones.
Memory: a whole DeiT-B in closed form, in a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measure import RESULTS, write
from torch import nn

from labkit import compress, data, models
from labkit.compress.mlps import find_mlps
from labkit.cost import bytes_by_kind
from labkit.training import accuracy

NAME = "fips"
BUDGETS = (0.1, 0.25, 0.4, 0.5, 0.75)
IMAGES, STEPS, SEEDS = 1024, 600, 3


def ways() -> dict[str, Callable]:
    """Name -> (model, budget, inputs, seed) -> smaller model. Fitted ones have a name that says so."""

    def low(model: nn.Module, budget: float, x: torch.Tensor, seed: int, aware: bool = False) -> nn.Module:
        return compress.low_rank(model, budget=budget, layers="mlp", unit="bytes", calibration=x if aware else None)

    def shared(sparsity: float, *, aware: bool = True, steps: int = 0) -> Callable:
        init = "activation_aware" if aware else "svd"
        return lambda model, budget, x, seed: compress.fips(
            model, budget=budget, budget_kind="bytes", sparsity=sparsity, calibration=x, init=init, steps=steps, seed=seed
        )

    return {
        "low rank": low,
        "low rank, by outputs": lambda *given: low(*given, aware=True),
        "magnitude": lambda model, budget, x, seed: compress.magnitude(model, budget=budget, layers="mlp", unit="bytes"),
        "shared basis": shared(0.0, aware=False),
        "shared basis, by outputs": shared(0.0),
        "fips 50 %, weights": shared(0.5, aware=False),
        "fips 75 %, weights": shared(0.75, aware=False),
        "fips 50 %": shared(0.5),
        "fips 75 %": shared(0.75),
        "shared basis, fitted": shared(0.0, steps=STEPS),
        "fips 50 %, fitted": shared(0.5, steps=STEPS),
        "fips 75 %, fitted": shared(0.75, steps=STEPS),
    }


def quality(rows: dict[tuple, dict], until: float) -> list[str]:
    """One row a (way, budget, seed) that is not known yet; return what time did not suffice for."""
    dataset, left = data.load("fashion_mnist"), []
    model, paths = models.load("vit_fashion"), [path for mlp in find_mlps(models.load("vit_fashion")) for path in mlp.paths]
    dense, before = accuracy(model, dataset.test), held(model, paths)
    for budget in BUDGETS:
        for name, way in ways().items():
            for seed in range(SEEDS if "fitted" in name else 1):
                place = ("quality", name, budget, seed)
                if place in rows:
                    continue
                if time.monotonic() > until:
                    left.append(f"{name} at {budget}, seed {seed}")
                    continue
                x = compress.calibration_inputs(dataset, IMAGES, seed)
                began = time.perf_counter()
                try:
                    small = way(model, budget, x, seed)
                except ValueError as error:  # a budget below the bits that say where weights are
                    rows[place] = {**named(place), "refused": str(error)}
                    continue
                spent = time.perf_counter() - began
                facts = {"accuracy": accuracy(small, dataset.test), "dense_accuracy": dense, "seconds": round(spent, 2)}
                facts |= {"bytes_share": round(held(small, paths) / before, 4)}
                facts |= {
                    key: value for key, value in getattr(small, "fips", {}).items() if key in ("closed_form", "fitted_blocks")
                }
                rows[place] = {**named(place), **facts}
                print(rows[place], flush=True)
                save(rows, left, quiet=True)
    return left


def held(model: nn.Module, paths: list[str]) -> int:
    """Bytes of the layers, biases left out, a base once."""
    parts = nn.ModuleList([model.get_submodule(path) for path in paths])
    biases = sum(p.nbytes for name, p in parts.named_parameters() if name.endswith("bias"))
    return sum(bytes_by_kind(parts).values()) - biases


def group_of_deit() -> nn.Module:
    """Four feed-forward blocks 768 - 3072 - 768."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Sequential(nn.Linear(768, 3072), nn.GELU(), nn.Linear(3072, 768)) for _ in range(4))).eval()


def speed(turns: int = 15) -> list[dict]:
    """Median time of a group's blocks in several forms at 25 % of the parameters, in turns."""
    dense, x = group_of_deit(), torch.randn(16 * 197, 768)
    forms: dict[str, nn.Module] = {"dense": dense}
    for sparsity, storage in ((0.0, "bitmask"), (0.5, "bitmask"), (0.75, "bitmask"), (0.75, "fixed_fan_in"), (0.9, "fixed_fan_in")):
        forms[f"fips {100 * sparsity:.0f} %, {storage}"] = compress.fips(dense, budget=0.25, sparsity=sparsity, storage=storage)
    took: dict[str, list[float]] = {name: [] for name in forms}
    with torch.inference_mode():
        for turn in range(turns + 2):
            for name, model in forms.items():
                model(x[:64])
                began = time.perf_counter()
                model(x)
                if turn >= 2:
                    took[name].append(time.perf_counter() - began)
    before, rows = sum(bytes_by_kind(dense).values()), []
    for name, seconds in took.items():
        low, middle, high = statistics.quantiles(seconds, n=4)
        size = sum(bytes_by_kind(forms[name]).values()) / before
        row = {**named(("speed", name, 0.25, 0)), "median_ms": round(1e3 * middle, 2), "low_ms": round(1e3 * low, 2)}
        row |= {"high_ms": round(1e3 * high, 2), "bytes_share": round(size, 4), "threads": torch.get_num_threads()}
        rows.append({**row, "times_as_fast": round(statistics.median(took["dense"]) / middle, 3)})
        print(rows[-1], flush=True)
    return rows


def whole_deit() -> None:
    """Print seconds and the most memory in bytes that a DeiT-B with random weights takes in closed form."""
    import timm

    model = timm.create_model("deit_base_patch16_224", pretrained=False)
    gc.collect()
    began = time.perf_counter()
    compress.fips(model, budget=0.25, steps=0)
    spent = time.perf_counter() - began
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": round(spent, 1), "peak_gb": round(int(peak.split()[1]) / 2**20, 2)}))


def named(place: tuple) -> dict:
    """What tells a row from the others."""
    return dict(zip(("what", "way", "budget", "seed"), place, strict=True))


def save(rows: dict[tuple, dict], left: list[str], *, quiet: bool = False) -> None:
    """Write the results file."""
    write(NAME, list(rows.values()), left, quiet=quiet)


def main() -> None:
    """Measure what is missing, and write results/fips.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--speed", action="store_true", help="measure times and memory anew, and nothing else")
    parser.add_argument("--deit", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.deit:
        whole_deit()
        return
    until, path = time.monotonic() + 60 * given.budget, RESULTS / f"{NAME}.json"
    known = json.loads(path.read_text())["rows"] if path.is_file() else []
    rows = {tuple(row[key] for key in ("what", "way", "budget", "seed")): row for row in known}
    if given.speed or not any(place[0] == "speed" for place in rows):
        for row in speed():
            rows["speed", row["way"], 0.25, 0] = row
        found = subprocess.run([sys.executable, __file__, "--deit"], capture_output=True, text=True, check=True).stdout
        place = ("memory", "deit_base_patch16_224, closed form", 0.25, 0)
        rows[place] = {**named(place), **json.loads(found)}
        print(rows[place], flush=True)
    left = [] if given.speed else quality(rows, until)
    save(rows, left)


if __name__ == "__main__":
    main()
