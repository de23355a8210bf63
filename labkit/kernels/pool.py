"""A thread pool for kernels that run without the interpreter lock.

numba's ``parallel=True`` is unsuitable: its OpenMP layer kills forked children, and its workqueue aborts when two Python threads
call it at once. A job is a number of tasks, which all awake threads take one by one, the calling thread included; a job therefore
never waits for a thread to wake up. A worker polls for new jobs for a while before it sleeps, because the layers of a network
follow each other faster than a sleeping thread wakes.
"""

from __future__ import annotations

import os
import threading
from struct import pack_into
from typing import Any

import numpy as np
from numba import njit

from labkit.kernels.compiled import CACHE
from labkit.kernels.memory import atomic_load, exchange_if

# positions in shared memory, each on its own cache line (8 int64)
GENERATION, NEXT, DONE, TASKS, SLOTS, JOB = 0, 8, 16, 24, 32, 40
ARGUMENTS = 32
SPIN = 50_000  # polls before a worker sleeps, some tens of microseconds
BITS = 24  # NEXT packs generation (high bits) and next task (low bits), so that a late worker cannot take a task of another job


@njit(nogil=True, cache=CACHE, inline="always")
def take(shared, generation):  # type: ignore[no-untyped-def]
    """Take the next task of this generation's job; -1 if none is left."""
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
    """Return the generation of the newest job."""
    return atomic_load(shared + 8 * GENERATION)


class Pool:
    """Threads that run the tasks of one job at a time.

    Parameters
    ----------
    follow : compiled function (shared, generation) -> generation
        Loop of a worker: takes part in every new job and returns when none has arrived for a while.
    submit : compiled function (shared, tasks, zero)
        Publishes a job, takes part, and returns when all its tasks are done.
    threads : int
        Number of threads, including the calling one.
    """

    def __init__(self, follow: Any, submit: Any, threads: int) -> None:
        self.memory = np.zeros(JOB + ARGUMENTS, np.int64)
        self.shared = int(self.memory.ctypes.data)
        self.follow, self.submit, self.threads = follow, submit, threads
        self._awake = [threading.Event() for _ in range(threads - 1)]
        for awake in self._awake:
            threading.Thread(target=self._work, args=(awake,), daemon=True, name="labkit-kernel").start()

    def call(self, arguments: tuple[int, ...], tasks: int, zero: np.floating) -> None:
        """Run one job with values of the dtype of `zero` and return when all its tasks are done. Not reentrant."""
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
            if newest_job(self.shared) != generation:  # a job arrived between the last poll and clear()
                awake.set()


_pools: dict[int, Pool] = {}
_lock = threading.Lock()


def pool_of(follow: Any, submit: Any, threads: int) -> Pool:
    """Return the process's pool with `threads` threads, created on first use."""
    with _lock:
        if threads not in _pools:
            _pools[threads] = Pool(follow, submit, threads)
        return _pools[threads]


def _forget() -> None:
    """Drop the pools in a forked child, where their threads do not exist."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
