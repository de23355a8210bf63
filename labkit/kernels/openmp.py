"""Kernels on torch's own OpenMP threads.

After a torch operation, its OpenMP threads spin for a while, waiting for the next one. Separate threads would compete with them for
cores; a kernel that runs its tasks on the same threads finds them awake. Where torch's OpenMP runtime has no ``GOMP_parallel``, and
in forked children, where it would wait forever for threads that no longer exist, a `Pool` is used instead.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from struct import pack_into
from typing import Any

import numpy as np
import torch

from labkit.kernels.pool import ARGUMENTS, JOB

_forked = False


@cache
def _entry() -> Any:
    """GOMP_parallel(function, data, threads, flags) of the OpenMP runtime that torch uses, or None."""
    name = {"posix": "libtorch_cpu.so"}.get(os.name, "")
    path = Path(torch.__file__).parent / "lib" / name
    try:
        entry = ctypes.CDLL(str(path)).GOMP_parallel  # searches the libraries that torch is linked against
    except (OSError, AttributeError):
        return None
    entry.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    entry.restype = None
    return entry


def usable() -> bool:
    """Tell whether torch's threads are usable in this process."""
    return not _forked and _entry() is not None


class Team:
    """The OpenMP threads of one Python thread, with the interface of a `Pool`.

    Parameters
    ----------
    publish : compiled function (shared, tasks)
        Publishes a job.
    """

    def __init__(self, publish: Any) -> None:
        self.memory = np.zeros(JOB + ARGUMENTS, np.int64)
        self.shared = int(self.memory.ctypes.data)
        self.publish = publish

    def call(self, member: int, arguments: tuple[int, ...], tasks: int, threads: int) -> None:
        """Run one job on `threads` threads and return when all its tasks are done.

        `member` is the address of a C function ``f(shared)`` that runs tasks of the newest job until none is left.
        """
        pack_into(f"{len(arguments)}q", self.memory.data, 8 * JOB, *arguments)
        self.publish(self.shared, tasks)
        _entry()(member, self.shared, min(threads, tasks), 0)


def _in_child() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
