"""Part ``kills``: a sweep with two workers is killed again and again; in the end every run is there, sound, and nothing else."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.soak.reader import ROOT
from tools.soak.report import Part

RUNS, KILLS = 200, 10  # of the whole trial
FEW = 40  # runs of a share
PATIENCE = 900  # seconds without a new run: the sweep hangs
ENDS = 20  # seconds in which workers must end once their parent is gone


def run(folder: Path, seed: int, minutes: float | None) -> Part:
    """Kill and resume, and look at the store after each kill."""
    rng, began = random.Random(seed), time.monotonic()
    runs, kills = (RUNS, KILLS) if minutes is None else (FEW, max(1, int(minutes)))
    place = folder / "kills" / time.strftime("%Y-%m-%dT%H-%M-%S")
    place.mkdir(parents=True)
    grid = _grid(place, runs)
    rows, failures = [], []
    for number in range(1, kills + 1):
        # within what is left, so that the last kill still finds work
        more = rng.randint(0, max(1, (runs - len(_stored(place))) // (kills - number + 2)))
        row, found = _killed(place, grid, more, rng.uniform(0, 0.7))
        rows.append({"what": f"kill {number}", **row})
        failures += [f"kill {number}: {sentence}" for sentence in found]
    code = _sweep(place, grid).wait()
    rows.append({"what": "to the end", "runs": len(_stored(place)), "workers": 0, "seconds": round(time.monotonic() - began)})
    if code:
        failures.append(f"the last sweep ended with exit code {code}; see {place / 'log.txt'}")
    return Part("kills", rows, failures + _wrong(place, runs))


def _grid(place: Path, runs: int) -> Path:
    """A grid of cheap runs: a small network on a small table."""
    rng = random.Random(0)
    lines = [",".join([*(f"{rng.random():.3f}" for _ in range(4)), rng.choice(["no", "yes"])]) for _ in range(200)]
    (place / "table.csv").write_text("\n".join(["a,b,c,d,died", *lines]) + "\n")
    steps = ", ".join(f"{0.5 + 0.49 * i / runs:.4f}" for i in range(runs))
    grid = place / "grid.yaml"
    data = f"models: [small_mlp]\ndata: {place / 'table.csv'}\ndata_options: {{target: died}}\n"
    grid.write_text(f"{data}methods: {{condense: {{sparsity: [{steps}]}}}}\n")
    return grid


def _sweep(place: Path, grid: Path) -> subprocess.Popen:
    """Start the sweep in a session of its own, by which its workers are found again."""
    command = [sys.executable, "-m", "labkit", "sweep", str(grid), "--store", str(place / "runs"), "--processes", "2"]
    more = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with open(place / "log.txt", "ab") as log:
        return subprocess.Popen(
            command, cwd=place, env={**os.environ, **more}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _killed(place: Path, grid: Path, more: int, later: float) -> tuple[dict[str, object], list[str]]:
    """Kill a sweep some time after it made `more` runs; return a row and what is wrong."""
    before, process, began = len(_stored(place)), _sweep(place, grid), time.monotonic()
    _until(lambda: len(_stored(place)) >= before + more or process.poll() is not None, PATIENCE)
    time.sleep(later)
    # exit code 0: the last runs were made before the signal came
    failures = [f"the sweep had ended by itself with exit code {process.returncode}"] if process.poll() else []
    workers = len(members(process.pid)) - 1
    process.kill()
    process.wait()
    _until(lambda: not members(process.pid), ENDS)
    orphans = members(process.pid)
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    if orphans:
        failures.append(f"{len(orphans)} workers outlive their parent by {ENDS} s")
    row = {"runs": len(_stored(place)), "workers": max(0, workers), "seconds": round(time.monotonic() - began)}
    return row, failures + _wrong(place, None)


def _until(holds: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)


def members(session: int) -> list[int]:
    """Return the processes of a session that run, also those whose parent is gone (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, leader = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(leader) == session and state != "Z":
            found.append(int(entry.name))
    return found


def _stored(place: Path) -> list[str]:
    """Names of the folders that count as runs."""
    return [entry.name for entry in (place / "runs").glob("*") if not entry.name.startswith(".")]


def _wrong(place: Path, wanted: int | None) -> list[str]:
    """What is wrong with the store, as labkit and as other programs read it."""
    failures = []
    if not (place / "runs").is_dir():
        return [] if wanted is None else ["no run was stored"]
    said = subprocess.run(
        [sys.executable, "-c", LOOK, str(place / "runs")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if said.returncode:
        return [f"the store cannot be read: {said.stderr.strip().splitlines()[-1]}"]
    facts = json.loads(said.stdout)
    failures += [f"run {name} is damaged: {reason}" for name, reason in facts["damaged"].items()]
    # what `*` means to DuckDB and Polars: a hidden folder too
    extra = {path.parent.name for path in (place / "runs").glob("*/*.parquet")} - set(facts["ids"])
    if extra:
        failures.append(f"runs/*/*.parquet also takes {len(extra)} folders that are no runs, e.g. {min(extra)}")
    if wanted is not None and len(facts["ids"]) != wanted:
        failures.append(f"{len(facts['ids'])} of {wanted} runs are there")
    return failures


LOOK = """
import json, sys
from labkit.runs import Store
runs = Store(sys.argv[1]).runs()
print(json.dumps({"ids": [run.id for run in runs], "damaged": {run.id: run.damaged for run in runs if run.damaged}}))
"""
