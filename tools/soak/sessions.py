"""Part ``sessions``: many visitors of one dashboard at once; page times, the server's memory, and what its log says."""

import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.soak.reader import ROOT
from tools.soak.report import Part

VISITORS, MINUTES = 15, 10  # of the whole trial
FEW = 3  # visitors of a share
WARM = 0.2  # share of the time in which everything is read for the first time
FLAT = 1.1  # memory of the second half over the first
BAR = 4.0  # seconds, 95th percentile of pages
PAGES = ("", "compare", "live", "per_class", "speed", "training", "models")
BAD = ("Traceback (most recent call last)", "Uncaught", "Exception in", "ERROR")


@dataclass
class Seen:
    """What the visitors saw together."""

    pages: dict[str, list[float]] = field(default_factory=lambda: {page or "home": [] for page in PAGES})
    moves: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB


def run(folder: Path, seed: int, minutes: float | None, visitors: int = 0) -> Part:
    """Let visitors open pages and move sliders until the time is up."""
    place = folder / "sessions"
    place.mkdir(parents=True, exist_ok=True)
    whole, seen = minutes is None, Seen()
    visitors = visitors or (VISITORS if whole else FEW)
    with _dashboard(place) as (port, process):
        end = threading.Event()
        threads = [threading.Thread(target=_visit, args=(port, seed * 1000 + i, seen, end)) for i in range(visitors)]
        for thread in threads:
            thread.start()
        began, span = time.monotonic(), 60 * (MINUTES if whole else minutes or 0)
        while (now := time.monotonic() - began) < span and any(thread.is_alive() for thread in threads):
            seen.memory.append((now, _resident(process)))
            time.sleep(0.5)
        end.set()
        for thread in threads:
            thread.join()
    return _part(seen, place / "log.txt", span, whole)


def _visit(port: int, seed: int, seen: Seen, end: threading.Event) -> None:
    """One visitor: open a page, move its sliders, look at it, open the next."""
    from tools.soak.visitor import Visitor  # local: it imports Streamlit

    rng = random.Random(seed)
    try:
        visitor = Visitor(port, seed)
        while not end.is_set():
            page = rng.choice(PAGES)
            seen.pages[page or "home"].append(visitor.open(page))
            for _ in range(rng.randint(0, 4)):
                if end.is_set() or (took := visitor.slide()) is None:
                    break
                seen.moves.append(took)
                visitor.rest(rng.uniform(0.2, 1))
            visitor.rest(rng.uniform(0.5, 2))
        visitor.close()
        seen.wrong += dict.fromkeys(visitor.exceptions)
    except Exception as error:  # a visitor who is lost is a finding
        seen.wrong.append(f"a visitor was lost: {type(error).__name__}: {str(error)[:200]}")


def _part(seen: Seen, log: Path, span: float, whole: bool) -> Part:
    every = [took for times in seen.pages.values() for took in times]
    rows = [_row(name, times) for name, times in {**seen.pages, "all pages": every, "moves of a slider": seen.moves}.items()]
    failures, notes = list(seen.wrong), []
    lines = log.read_text(errors="replace").splitlines()
    failures += [f"the server's log: {line[:200]}" for line in lines if any(word in line for word in BAD)][:20]
    known = [megabytes for seconds, megabytes in seen.memory if seconds > WARM * span]
    halves = [statistics.median(part) for part in (known[: len(known) // 2], known[len(known) // 2 :]) if part]
    if len(halves) == 2:
        ratio = halves[1] / halves[0]
        said = f"{halves[0]:.0f} MB in the first half (warmed up), {halves[1]:.0f} MB in the second"
        notes.append(f"memory of the server: {said}, {ratio:.2f} times")
        if whole and ratio > FLAT:
            failures.append(f"memory grows to {ratio:.2f} times, more than {FLAT}")
    if whole and every and rows[len(PAGES)]["p95_s"] > BAR:
        failures.append(f"95 % of the pages come within {rows[len(PAGES)]['p95_s']} s, more than {BAR} s")
    if not every:
        failures.append("no page was drawn")
    return Part("sessions", rows, failures, notes)


def _row(name: str, times: list[float]) -> dict[str, object]:
    ends = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else [*times] * 19
    return {
        "what": name,
        "times": len(times),
        "p50_s": round(statistics.median(times), 2) if times else None,
        "p95_s": round(ends[-1], 2) if times else None,
        "longest_s": round(max(times), 2) if times else None,
    }


@contextlib.contextmanager
def _dashboard(place: Path) -> Iterator[tuple[int, int]]:
    """Start a dashboard; yield its port and its process."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "labkit", "app", "--no-browser", "--port", str(port), "--store", str(place / "runs")]
    with open(place / "log.txt", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5)
                break
            if process.poll() is not None:
                raise RuntimeError(f"the dashboard did not start; see {place / 'log.txt'}")
            time.sleep(0.2)
        yield port, process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _resident(process: int) -> float:
    """Resident memory in MB (Linux)."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024
    return 0.0
