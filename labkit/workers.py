"""Worker processes that end with their parent, and at once when it stops."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

GRACE = 0.7  # seconds in which a worker removes what it has half written
KILLED_AFTER = 0.3  # seconds beyond: no worker is waited for longer


class Leave(BaseException):
    """A worker is to end; no error, so that no code of a user's own takes it for one."""


class Workers(ProcessPoolExecutor):
    """A pool of processes; a context manager that stops them at once when its block ends with an exception.

    A worker ends within a second of its parent's end, however that came about. Ctrl-C is the parent's alone.

    Parameters
    ----------
    processes : int
    prepare : str
        ``module:function``, called in every process with `arguments`. By name, because a worker must watch its parent before the
        modules that the function needs are imported, which takes seconds.
    *arguments
        Can be pickled.
    """

    def __init__(self, processes: int, prepare: str = "", *arguments: Any) -> None:
        context = get_context("spawn")  # forking a process that has torch threads may hang
        self._heard, self._told = context.Pipe(duplex=False)
        self._own: set[BaseProcess] = set()
        super().__init__(processes, mp_context=context, initializer=_begin, initargs=(self._heard, prepare, arguments))

    def submit(self, function: Callable, /, *arguments: Any, **named: Any) -> Future:
        """Have a worker call a function; see `concurrent.futures.Executor.submit`."""
        others = set(active_children())
        with _held():  # a process begins here, and must not be interrupted before it can say so quietly
            future = super().submit(_work, function, *arguments, **named)
        self._own |= set(active_children()) - others
        return future

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.shutdown(wait=True)
            self._told.close()
        else:
            self.stop()

    def stop(self) -> None:
        """End all workers: what waits is not begun, what is half done is dropped."""
        self._told.close()
        self.shutdown(wait=False, cancel_futures=True)
        alive = {process.sentinel: process for process in self._own if process.is_alive()}
        end = time.monotonic() + GRACE + KILLED_AFTER
        while alive and (left := end - time.monotonic()) > 0:
            for sentinel in wait(list(alive), left):
                del alive[sentinel]  # type: ignore[arg-type]
        for process in alive.values():
            process.kill()


@contextmanager
def _held() -> Iterator[None]:
    """Hold Ctrl-C back; processes that begin inside do not get it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_working = False


def _work(function: Callable, /, *arguments: Any, **named: Any) -> Any:
    """Do a job in a worker; told to leave, end without an answer."""
    global _working
    try:
        _working = True
        return function(*arguments, **named)
    except Leave:
        os._exit(1)
    finally:
        _working = False


def _begin(heard: Connection, prepare: str, arguments: tuple) -> None:
    """Begin a worker: watch the parent first, then import what is needed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_watch, args=(heard,), daemon=True).start()
    if prepare:
        module, _, name = prepare.partition(":")
        getattr(import_module(module), name)(*arguments)


def _watch(heard: Connection) -> None:
    """Wait for the end of the parent, or for its word; both close a pipe."""
    parent = parent_process()
    assert parent is not None
    wait([heard, parent.sentinel])
    if hasattr(signal, "pthread_kill"):  # so that a waiting system call returns
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        signal.raise_signal(signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)  # a long computation does not look at signals


def _leave(*_: object) -> None:
    if not _working:
        os._exit(1)
    sys.unraisablehook = lambda *_: None  # raised inside a finaliser it would be printed
    raise Leave
