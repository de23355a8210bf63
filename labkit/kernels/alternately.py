"""Time several calls alternately, so that all of them meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch

Calls = dict[str, Callable[[], object]]
TURNS = 5  # minimum repeats of each competitor
LONG = 0.2  # calls above this many seconds are repeated as little as possible


def time_alternately(
    calls: Calls, device: str = "cpu", *, seconds: float = 0.8, turns: int = TURNS, warm: bool = True
) -> dict[str, list[float]]:
    """Time several calls alternately.

    The order rotates from round to round. Every call runs once before timing begins.

    Parameters
    ----------
    calls : dict
        Name -> function without arguments.
    device : {"cpu", "cuda"}
        Where they run.
    seconds : float
        Total time, exceeded if needed for `turns` rounds.
    turns : int
        Minimum number of rounds; at most three if one round takes longer than 10 LONG seconds.
    warm : bool
        Repeat each call untimed right before timing it, so that the others do not affect its caches. Calls longer than LONG
        seconds fill the caches themselves and are not repeated.

    Returns
    -------
    dict
        Name -> seconds of every timed call.
    """
    taken: dict[str, list[float]] = {}
    for _, taken in time_rounds(calls, device, seconds=seconds, turns=turns, warm=warm):  # noqa: B007 - the last one counts
        pass
    return taken


def time_rounds(
    calls: Calls,
    device: str = "cpu",
    *,
    seconds: float = 0.8,
    turns: int = TURNS,
    warm: bool = True,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[tuple[float, dict[str, list[float]]]]:
    """Do what `time_alternately` does, round by round.

    Parameters
    ----------
    calls, device, seconds, turns, warm
        As for `time_alternately`.
    around : callable () -> context manager
        Entered around every round and left before it is told, e.g. ``torch.inference_mode``.

    Yields
    ------
    share : float
        Of the work that is done, 0 to 1.
    taken : dict
        Name -> seconds of every call timed so far.
    """
    names = list(calls)
    with around():
        first = {name: time_once(calls[name], device) for name in names}
    turns = min(turns, 3) if sum(first.values()) > 10 * LONG else turns
    taken: dict[str, list[float]] = {name: [] for name in names}
    began, rounds = time.perf_counter(), 0
    while rounds < turns or time.perf_counter() - began < seconds:
        names = names[1:] + names[:1]
        with around():
            for name in names:
                if warm and first[name] < LONG:
                    calls[name]()
                taken[name].append(time_once(calls[name], device))
        rounds += 1
        yield min(1.0, rounds / turns, (time.perf_counter() - began) / max(seconds, 1e-9)), taken


def time_once(call: Callable[[], object], device: str = "cpu") -> float:
    """Return the seconds that one call takes.

    Parameters
    ----------
    call : callable
        Function without arguments.
    device : {"cpu", "cuda"}
        On a GPU the time is measured by CUDA events.

    Returns
    -------
    float
        Seconds.
    """
    if device == "cpu":
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3
