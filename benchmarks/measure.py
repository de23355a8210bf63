"""Shared by all benchmarks: facts about the machine, the --budget option, and results as JSON rows."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

from labkit.files import write_text

RESULTS = Path(__file__).parent / "results"


def machine() -> dict:
    """Describe the machine for readers of a timing."""
    from labkit.kernels.choice import cpu_name  # local: imports torch, which startup.py must not have loaded

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    flags = next((line for line in lines if line.startswith("flags")), "")
    vectors = [name for name in ("avx2", "avx512f") if f" {name} " in f"{flags} "]
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "vectors": vectors,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def budget(description: str, argv: list[str] | None = None) -> float:
    """Parse ``--budget MINUTES`` and return the moment (time.monotonic) at which to stop."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--budget", type=float, default=120.0, metavar="MINUTES")
    return time.monotonic() + 60 * parser.parse_args(argv).budget


def timing_rows(seconds: dict[str, list[float]]) -> list[dict]:
    """Return and print one row per measurement, with median and range."""
    rows = []
    for what, took in seconds.items():
        if took:
            figures = {"median_s": statistics.median(took), "min_s": min(took), "max_s": max(took)}
            rows.append({"what": what, **{name: round(value, 4) for name, value in figures.items()}, "repeats": len(took)})
            print("{what:60} {median_s:8.3f} s ({min_s:.3f} to {max_s:.3f}, {repeats} times)".format(**rows[-1]))
    return rows


def write(name: str, rows: list[dict], left_out: list[str], *, quiet: bool = False) -> None:
    """Write results/NAME.json with one row per measurement; unless `quiet`, print what the budget left out."""
    write_text(RESULTS / f"{name}.json", json.dumps({"machine": machine(), "rows": rows, "left_out": left_out}, indent=1) + "\n")
    if quiet:
        return
    for item in left_out:
        print(f"left out, time budget exhausted: {item}")
    print(f"wrote benchmarks/results/{name}.json")
