"""Threads of our own for kernels that run without the interpreter lock.

numba's ``parallel=True`` is no choice here: its OpenMP layer kills a forked child, its own queue aborts when two Python threads
call at once. A job is a number of tasks; whoever is awake takes the next one, the calling thread included, so a job never waits for
a thread that has not woken up yet. A worker looks for new work for a moment before it sleeps: the layers of a network follow each
other faster than a sleeping thread wakes.
"""

from __future__ import annotations

import os
import threading
from struct import pack_into
from typing import Any

import numpy as np
from numba import njit

from labkit.kernels.compiled import CACHE
from labkit.kernels.simd import atomic_load, exchange_if

# places in the shared memory, each on a cache line of its own (8 numbers)
GENERATION, NEXT, DONE, TASKS, SLOTS, JOB = 0, 8, 16, 24, 32, 40
ARGUMENTS = 32
SPIN = 50_000  # looks before a worker sleeps, some tens of microseconds
BITS = 24  # NEXT holds the generation above and the next task below, so that a late worker takes no task of another job


@njit(nogil=True, cache=CACHE, inline="always")
def take(shared, generation):  # type: ignore[no-untyped-def]
    """The next task of this generation's job, or -1."""
    address = shared + 8 * NEXT
    while True:
        seen = atomic_load(address)
        if seen >> BITS != generation:
            return -1
        task = seen & ((1 << BITS) - 1)
        if task >= atomic_load(shared + 8 * TASKS):
            return -1
        if exchange_if(address, seen, seen + 1):
            return task


@njit(nogil=True, cache=CACHE)
def newest_job(shared):  # type: ignore[no-untyped-def]
    """The number of the newest job."""
    return atomic_load(shared + 8 * GENERATION)


class Pool:
    """Threads that work off the tasks of one job at a time.

    Parameters
    ----------
    follow : compiled function (shared, generation) -> generation
        A worker's loop: takes part in every new job, returns when none has come for a while.
    submit : compiled function (shared, tasks, zero)
        Publishes a job, takes part, and returns when all its tasks are done.
    threads : int
        The calling thread included.
    """

    def __init__(self, follow: Any, submit: Any, threads: int) -> None:
        self.memory = np.zeros(JOB + ARGUMENTS, np.int64)
        self.shared = int(self.memory.ctypes.data)
        self.follow, self.submit, self.threads = follow, submit, threads
        self._awake = [threading.Event() for _ in range(threads - 1)]
        for awake in self._awake:
            threading.Thread(target=self._work, args=(awake,), daemon=True, name="labkit-kernel").start()

    def call(self, arguments: tuple[int, ...], tasks: int, zero: np.floating) -> None:
        """Run one job, of the type of `zero`, and return when all its tasks are done. One job at a time."""
        pack_into(f"{len(arguments)}q", self.memory.data, 8 * JOB, *arguments)
        if tasks > 1:
            for awake in self._awake:
                if not awake.is_set():
                    awake.set()
        self.submit(self.shared, tasks, zero)

    def _work(self, awake: threading.Event) -> None:
        generation = 0
        while True:
            awake.wait()
            generation = self.follow(self.shared, generation)
            awake.clear()
            if newest_job(self.shared) != generation:  # a job came between the last look and the clearing
                awake.set()


_pools: dict[int, Pool] = {}
_lock = threading.Lock()


def pool_of(follow: Any, submit: Any, threads: int) -> Pool:
    """Return the process's pool with that many threads, made on first use."""
    with _lock:
        if threads not in _pools:
            _pools[threads] = Pool(follow, submit, threads)
        return _pools[threads]


def _forget() -> None:
    """Threads do not live on in a forked child: it makes pools of its own."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
