"""A process pool with one thread per process and a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from labkit.workers import Workers


def shared_out(jobs: Sequence[Any], work: Callable[[Any], Any], processes: int, until: float) -> Iterator[tuple[Any, Any]]:
    """Yield (job, ``work(job)``) in order of completion; no job starts after `until` (of time.monotonic)."""
    waiting, running = list(jobs), dict[Future, Any]()
    with Workers(processes, "torch:set_num_threads", 1) as pool:
        while waiting or running:
            while waiting and len(running) < processes and time.monotonic() < until:
                job = waiting.pop(0)
                running[pool.submit(work, job)] = job
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), done.result()
