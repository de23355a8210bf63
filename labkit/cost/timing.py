"""Latency of a forward pass, timed alternately with a reference model."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from labkit.forwarding import Example, called, fitted, running
from labkit.untouched import untouched


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass, in milliseconds.

    Attributes
    ----------
    median, low, high : float
        Median and quartiles.
    repeats : int
        Number of timed passes.
    threads : int
        Threads of torch.
    reference_median : float or None
        Median of the reference model, timed alternately.
    ratio, ratio_low, ratio_high : float or None
        Time of the reference over time of the model (above 1 is faster): median and quartiles of the pairwise ratios.
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

    def __str__(self) -> str:
        text = f"{self.median:.3g} ms (quartiles {self.low:.3g} to {self.high:.3g}, {self.threads} threads)"
        return text if self.ratio is None else f"{text}, {self.ratio:.2f}x the reference's speed"


def latency(model: nn.Module, example: Example, *, reference: nn.Module | None = None, seconds: float = 0.5) -> Latency:
    """Time forward passes in eval mode, at least 5, after one untimed pass.

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
        Median and quartiles.

    Raises
    ------
    ValueError
        If `seconds` is not positive, or a model raises an error for the example.
    """
    if seconds <= 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    models = [model] if reference is None else [model, reference]
    with untouched(*models):
        times = _alternate(models, [fitted(m, example) for m in models], seconds)
    low, median, high = np.percentile(times[:, 0], (25, 50, 75)) * 1e3
    facts = {"median": float(median), "low": float(low), "high": float(high)}
    if reference is not None:
        ratios = np.percentile(times[:, 1] / times[:, 0], (25, 50, 75))
        facts |= {"reference_median": float(np.median(times[:, 1]) * 1e3)}
        facts |= dict(zip(("ratio_low", "ratio", "ratio_high"), map(float, ratios), strict=True))
    return Latency(**facts, repeats=len(times), threads=torch.get_num_threads())


def _alternate(models: list[nn.Module], examples: list[Example], seconds: float) -> np.ndarray:
    """Return seconds [repeats, models]; odd rounds run in reverse order, so that no model is always second."""
    rows: list[list[float]] = []
    for model, example, who in zip(models, examples, ("the model", "the reference"), strict=False):
        with running(who, example):
            _timed(model, example)
    until = time.perf_counter() + seconds * len(models)
    while len(rows) < 5 or time.perf_counter() < until:
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
