"""Figures of measures that a stored grid lacks, computed from its predicted classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from labkit.audit import MEASURES, Evidence, Measure
from labkit.audit.assemble import computed, flat
from labkit.audit.tasks import task_of
from labkit.data import Split
from labkit.live.grid import Grid

# Of a step of the grid the predicted classes are known exactly, but neither probabilities nor the network.
FROM_CLASSES = frozenset({"reference", "groups"})


def missing(figures: Iterable[str], split: Split) -> list[Measure]:
    """Return the measures that are always computed, apply to the split, and have no figure yet; times are not made up for.

    Parameters
    ----------
    figures : iterable of str
        Keys of an audit's summary.
    split : Split

    Returns
    -------
    list of Measure
    """
    task, grouped = task_of(split), split.groups is not None and split.groups.shape[1] > 0
    there = list(figures)
    return [
        measure
        for measure in MEASURES.values()
        if measure.when == "always"
        and measure.repeatable
        and task in measure.tasks
        and (grouped or "groups" not in measure.needs)
        and not any(_belongs(name, measure.key) for name in there)
    ]


def _belongs(figure: str, key: str) -> bool:
    """Whether a figure is one of the measure `key`; that of another measure may begin with the same letters."""
    return figure == key or figure.startswith(f"{key}[") or (figure.startswith(f"{key}_") and figure not in MEASURES)


def usable(grid: Grid, split: Split) -> bool:
    """Whether a stored grid can answer: what it lacks can be computed from its predicted classes.

    Parameters
    ----------
    grid : Grid
    split : Split

    Returns
    -------
    bool
    """
    return all(FROM_CLASSES.issuperset(measure.needs) for measure in missing(grid.summary(grid.values[0]), split))


def completed(grid: Grid, value: float, split: Split, reference: Callable[[], np.ndarray]) -> pd.Series:
    """Return the stored figures of a step, and those of measures that were registered after the grid was made.

    Parameters
    ----------
    grid : Grid
        A `usable` one.
    value : float
        Of the slider, a step of the grid.
    split : Split
    reference : callable
        Returns the outputs of the reference on the split; called only where a measure is lacking.

    Returns
    -------
    Series of float
    """
    figures: Mapping[str, float] = grid.summary(value)
    lacking = missing(figures, split)
    if lacking:
        evidence = Evidence(split, grid.logits(value, len(split.classes)), reference())
        for measure in lacking:
            figures = {**figures, **flat(computed(measure, evidence, measure.settings({})))}
    return pd.Series(figures, dtype=float)
