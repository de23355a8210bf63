"""Latency and throughput of a forward pass, timed alternately with a reference model."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from labkit.cost.machine import machine_of, now
from labkit.cost.paired import LEAST, PairedRatio, paired_ratio
from labkit.forwarding import Example, called, fitted, running
from labkit.untouched import untouched

BATCH = 32  # examples of a batch, for the throughput
LONGEST = 0.5  # seconds for one batch; slower networks have no throughput, which would take long to measure


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass, in milliseconds.

    Attributes
    ----------
    median, low, high : float
        Median and quartiles. They hold for one machine and one moment; networks are compared by `ratio`.
    repeats : int
        Number of timed passes.
    threads : int
        Threads of torch.
    reference_median : float or None
        Median of the reference model, timed alternately.
    ratio, ratio_low, ratio_high : float or None
        Time of the reference over time of the model (above 1 is faster): median and quartiles of the pairwise ratios.
    interval_low, interval_high : float or None
        95 % interval of `ratio`, see `labkit.cost.paired.paired_ratio`; None for times stored by older versions.
    machine : str
        Processor or GPU; "" where it was not recorded.
    measured : str
        UTC, ISO 8601; "" where it was not recorded.
    """

    median: float
    low: float
    high: float
    repeats: int
    threads: int
    reference_median: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    machine: str = ""
    measured: str = ""

    def __str__(self) -> str:
        text = f"{self.median:.3g} ms (quartiles {self.low:.3g} to {self.high:.3g}; {_where(self)})"
        return f"{text}{_beside(self.ratio, self.interval_low, self.interval_high, 'speed')}"


@dataclass(frozen=True)
class Throughput:
    """Examples a second in batches.

    Attributes
    ----------
    per_second : float
        Median.
    batch : int
        Examples of a batch.
    repeats : int
        Number of timed batches.
    threads : int
        Threads of torch.
    reference_per_second : float or None
        Of the reference model, timed alternately.
    ratio, interval_low, interval_high : float or None
        Throughput of the model over that of the reference, with its 95 % interval; above 1 is faster.
    machine, measured : str
        As in `Latency`.
    """

    per_second: float
    batch: int
    repeats: int
    threads: int
    reference_per_second: float | None = None
    ratio: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    machine: str = ""
    measured: str = ""

    def __str__(self) -> str:
        text = f"{self.per_second:,.0f} examples a second (batches of {self.batch}; {_where(self)})"
        return f"{text}{_beside(self.ratio, self.interval_low, self.interval_high, 'throughput')}"


def latency(model: nn.Module, example: Example, *, reference: nn.Module | None = None, seconds: float = 0.5) -> Latency:
    """Time forward passes in eval mode, at least 6, after one untimed pass.

    Parameters
    ----------
    model : nn.Module
        The model; left as it was. Inputs are cast to its dtype if it does not take them as they are.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.
    reference : nn.Module, optional
        Timed alternately with the model, so that other load on the machine affects both alike.
    seconds : float
        Time spent on each model.

    Returns
    -------
    Latency
        Median and quartiles; with a reference the ratio of both with its interval.

    Raises
    ------
    ValueError
        If `seconds` is not positive, or a model raises an error for the example.
    """
    times, ratio = _timed_beside(model, example, reference, seconds)
    low, median, high = np.percentile(times[:, 0], (25, 50, 75)) * 1e3
    beside = {}
    if ratio is not None:
        beside = {
            "reference_median": float(np.median(times[:, 1]) * 1e3),
            "ratio": ratio.value,
            "ratio_low": ratio.quartiles[0],
            "ratio_high": ratio.quartiles[1],
            "interval_low": ratio.low,
            "interval_high": ratio.high,
        }
    return Latency(
        median=float(median),
        low=float(low),
        high=float(high),
        repeats=len(times),
        threads=torch.get_num_threads(),
        machine=machine_of(model),
        measured=now(),
        **beside,
    )


def throughput(model: nn.Module, batch: Example, *, reference: nn.Module | None = None, seconds: float = 0.5) -> Throughput | None:
    """Time batches in eval mode, at least 6, after one untimed batch.

    Parameters
    ----------
    model : nn.Module
        As for `latency`.
    batch : Tensor, tuple or dict
        Several examples, as `latency` takes one.
    reference : nn.Module, optional
        Timed alternately with the model.
    seconds : float
        Time spent on each model.

    Returns
    -------
    Throughput or None
        None for a single example, and where one batch takes more than half a second.

    Raises
    ------
    ValueError
        As `latency`.
    """
    examples = _examples(batch)
    if examples < 2:
        return None
    try:
        times, ratio = _timed_beside(model, batch, reference, seconds, longest=LONGEST)
    except _TooSlow:
        return None
    beside = {}
    if ratio is not None:
        beside = {
            "reference_per_second": examples / float(np.median(times[:, 1])),
            "ratio": ratio.value,
            "interval_low": ratio.low,
            "interval_high": ratio.high,
        }
    return Throughput(
        per_second=examples / float(np.median(times[:, 0])),
        batch=examples,
        repeats=len(times),
        threads=torch.get_num_threads(),
        machine=machine_of(model),
        measured=now(),
        **beside,
    )


class _TooSlow(Exception):
    """A pass takes longer than is worth timing."""


def _timed_beside(
    model: nn.Module, example: Example, reference: nn.Module | None, seconds: float, longest: float = np.inf
) -> tuple[np.ndarray, PairedRatio | None]:
    """Return seconds [rounds, models], and the ratio of the reference's to the model's."""
    if seconds <= 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    models = [model] if reference is None else [model, reference]
    with untouched(*models):
        times = _alternate(models, [fitted(m, example) for m in models], seconds, longest)
    return times, None if reference is None else paired_ratio(times)


def _alternate(models: list[nn.Module], examples: list[Example], seconds: float, longest: float = np.inf) -> np.ndarray:
    """Return seconds [rounds, models]; odd rounds run in reverse order, so that no model is always second."""
    rows: list[list[float]] = []
    for model, example, who in zip(models, examples, ("the model", "the reference"), strict=False):
        with running(who, example):
            if _timed(model, example) > longest:
                raise _TooSlow
    until = time.perf_counter() + seconds * len(models)
    while len(rows) < LEAST or time.perf_counter() < until:
        order = range(len(models)) if len(rows) % 2 == 0 else reversed(range(len(models)))
        took = {i: _timed(models[i], examples[i]) for i in order}
        rows.append([took[i] for i in range(len(models))])
    return np.array(rows)


def _timed(model: nn.Module, example: Example) -> float:
    on_gpu = torch.cuda.is_available()  # slower than a small network, so checked before timing
    began = time.perf_counter()
    called(model, example)
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _examples(batch: Example) -> int:
    """Return the number of examples of an input: the first dimension of its first tensor."""
    parts = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, (tuple, list)) else [batch]
    return next((len(part) for part in parts if isinstance(part, torch.Tensor) and part.ndim), 0)


def _where(timing: Latency | Throughput) -> str:
    """Return machine, threads and day."""
    threads = f"{timing.threads} thread{'' if timing.threads == 1 else 's'}"
    return ", ".join(part for part in (timing.machine, threads, timing.measured[:10]) if part)


def _beside(ratio: float | None, low: float | None, high: float | None, of: str) -> str:
    if ratio is None:
        return ""
    interval = f" ({low:.2f} to {high:.2f})" if low is not None and high is not None else ""
    return f", {ratio:.2f}x the reference's {of}{interval}"
