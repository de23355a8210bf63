"""Torch's own OpenMP threads for our kernels.

After an operation of torch its OpenMP threads keep their cores busy for a while, looking for the next operation. Threads of ours
would wait for those cores; a kernel that hands its tasks to the same threads finds them awake. Where torch's OpenMP runtime has no
``GOMP_parallel``, and in a forked child, where it would wait for ever for threads that are gone, a `Pool` of our own does the work.
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
    """GOMP_parallel(function, data, threads, flags) of the OpenMP runtime that torch runs on; None where there is none."""
    name = {"posix": "libtorch_cpu.so"}.get(os.name, "")
    path = Path(torch.__file__).parent / "lib" / name
    try:
        entry = ctypes.CDLL(str(path)).GOMP_parallel  # looks through the libraries that torch itself was linked with
    except (OSError, AttributeError):
        return None
    entry.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    entry.restype = None
    return entry


def usable() -> bool:
    """Whether torch's threads can be had in this process."""
    return not _forked and _entry() is not None


class Team:
    """The OpenMP threads of one Python thread, to which jobs are handed as to a `Pool`.

    Parameters
    ----------
    publish : compiled function (shared, tasks)
        Makes a job known.
    """

    def __init__(self, publish: Any) -> None:
        self.memory = np.zeros(JOB + ARGUMENTS, np.int64)
        self.shared = int(self.memory.ctypes.data)
        self.publish = publish

    def call(self, member: int, arguments: tuple[int, ...], tasks: int, threads: int) -> None:
        """Run one job on so many threads and return when all its tasks are done.

        `member` is the address of a C function (shared) that works off tasks of the newest job until none is left.
        """
        pack_into(f"{len(arguments)}q", self.memory.data, 8 * JOB, *arguments)
        self.publish(self.shared, tasks)
        _entry()(member, self.shared, min(threads, tasks), 0)


def _in_child() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
