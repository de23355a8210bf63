"""Inference time, bytes and memory of FiPS on blocks of the size of DeiT-B, and compression time of vit_fashion."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from labkit import compress, data, live, models
from labkit.cost import bytes_by_kind

FORMS = ((0.0, "bitmask"), (0.5, "bitmask"), (0.75, "bitmask"), (0.75, "fixed_fan_in"), (0.9, "fixed_fan_in"))


def group_of_deit() -> nn.Module:
    """Four feed-forward blocks 768 - 3072 - 768."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Sequential(nn.Linear(768, 3072), nn.GELU(), nn.Linear(3072, 768)) for _ in range(4))).eval()


def speed(turns: int = 15) -> list[dict]:
    """Median time of four blocks at 25 % of the parameters for 16 images of 197 tokens, with all forms alternating."""
    dense, x = group_of_deit(), torch.randn(16 * 197, 768)
    forms: dict[str, nn.Module] = {"dense": dense}
    for sparsity, storage in FORMS:
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
    before = sum(bytes_by_kind(dense).values())
    return [_row(name, took, sum(bytes_by_kind(model).values()) / before) for name, model in forms.items()]


def _row(name: str, took: dict[str, list[float]], size: float) -> dict:
    low, middle, high = statistics.quantiles(took[name], n=4)
    times = {"median_ms": round(1e3 * middle, 2), "low_ms": round(1e3 * low, 2), "high_ms": round(1e3 * high, 2)}
    faster = round(statistics.median(took["dense"]) / middle, 3)
    return {"method": name, **times, "bytes_share": round(size, 4), "threads": torch.get_num_threads(), "times_as_fast": faster}


def waiting(turns: int = 5) -> list[dict]:
    """Median seconds of the closed form for vit_fashion, and of the first answer to a slider move on the Live page."""
    dataset, model = data.load("fashion_mnist"), models.load("vit_fashion")
    place = live.session("vit_fashion", dataset.test, dataset)
    moves = {f"first answer on Live, budget {budget:g}": budget for budget in (0.1, 0.25, 0.5, 0.74)}
    methods: dict[str, Callable[[float], object]] = {
        "closed form, by weights": lambda turn: compress.fips(model, budget=0.25),
        "closed form, activation-aware": lambda turn: compress.fips(model, budget=0.25, calibration=dataset),
    }
    for name, budget in moves.items():  # every budget only once, because known answers are cached
        methods[name] = lambda turn, budget=budget: next(  # type: ignore[misc]
            live.progressive_audit("fips", {"budget": budget + 0.001 * turn}, dataset.test, model=place)
        )
    took: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(turns + 1):
        for name, method in methods.items():
            began = time.perf_counter()
            method(turn)
            took[name].append(time.perf_counter() - began)
    threads = {"threads": torch.get_num_threads()}
    return [{"method": name, "seconds": round(statistics.median(each[1:]), 2), **threads} for name, each in took.items()]


def whole_deit() -> dict:
    """Seconds and peak memory of the closed form for DeiT-B, in a separate process."""
    found = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True).stdout
    return {"method": "deit_base_patch16_224, closed form", **json.loads(found)}


def _in_this_process() -> None:
    import timm

    model = timm.create_model("deit_base_patch16_224", pretrained=False)
    gc.collect()
    began = time.perf_counter()
    compress.fips(model, budget=0.25, steps=0)
    spent = time.perf_counter() - began
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": round(spent, 1), "peak_gb": round(int(peak.split()[1]) / 2**20, 2)}))


if __name__ == "__main__":
    _in_this_process()
