"""`good_point`: the step of a slider at which a look at it should begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

HARM = 0.02  # a loss of accuracy up to 2 percentage points is none, as in the verdicts of an audit
SAVING = 0.99  # a share of the bytes above this saves nothing
Figures = Mapping[str, Any]


def good_point(curve: Mapping[float, Figures], *, harm: float = HARM) -> float | None:
    """Return the smallest step that harms nobody, else the knee of accuracy over bytes.

    The first that there is of: the smallest step of which the audit can tell that every class, every group and the whole are
    unharmed; the smallest step that harms no class and no group and leaves the whole unharmed; the smallest step that leaves the
    whole unharmed; the `knee`. A step that saves less than 1 % of the bytes is no good point, unless hardly any step saves more.

    Parameters
    ----------
    curve : mapping of slider value to summary
        `Audit.summary` of every step of a slider.
    harm : float
        Loss of accuracy that counts as harm, 0.02 for 2 percentage points.

    Returns
    -------
    float or None
        None for a curve of fewer than three steps, or without bytes and accuracy.
    """
    return graded(curve, harm)[1]


def graded(curve: Mapping[float, Figures], harm: float = HARM) -> tuple[int, float | None, float]:
    """Return how good the `good_point` of a curve is.

    Parameters
    ----------
    curve : mapping of slider value to summary
    harm : float

    Returns
    -------
    grade : int
        0 to 3, the number of the condition that it meets; 4 without a point.
    step : float or None
    bytes : float
        Its size; infinite without a point.
    """
    steps = {step: {str(name): float(figures[name]) for name in figures.keys()} for step, figures in curve.items()}  # noqa: SIM118
    steps = {step: figures for step, figures in steps.items() if {"accuracy", "bytes"} <= figures.keys()}
    if len(steps) < 3:
        return 4, None, np.inf
    saving = {step: figures for step, figures in steps.items() if figures.get("bytes_ratio", 1.0) <= SAVING}
    for grade, fits in enumerate((_unharmed, _not_harmed, _whole)):
        found = [step for step, figures in saving.items() if fits(figures, harm)]
        if found:
            best = min(found, key=lambda step: (steps[step]["bytes"], -steps[step]["accuracy"]))
            return grade, best, steps[best]["bytes"]
    steps = saving if len(saving) > 2 else steps
    names = list(steps)
    best = names[knee([steps[name]["bytes"] for name in names], [steps[name]["accuracy"] for name in names])]
    return 3, best, steps[best]["bytes"]


def knee(x: Any, y: Any) -> int:
    """Return the place of the point of a curve that lies farthest above the chord between the ends of its x range.

    Both axes are scaled to their range first; where no point lies above the chord, it is the end with the larger y.

    Parameters
    ----------
    x, y : float sequences of one length
        E.g. bytes and accuracy, in any order.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Without points, or with other lengths.

    Examples
    --------
    >>> knee([0, 1, 2, 3, 4], [0.0, 0.8, 0.9, 0.95, 1.0])
    1
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(f"knee needs two sequences of one length with at least one point, got shapes {x.shape} and {y.shape}")
    x, y = _scaled(x), _scaled(y)
    first, last = int(np.argmin(x)), int(np.argmax(x))
    above = y - (y[first] + (y[last] - y[first]) * x)
    best = int(np.argmax(above))
    return best if above[best] > 1e-12 else (first if y[first] > y[last] else last)


def _scaled(values: np.ndarray) -> np.ndarray:
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def _whole(figures: Figures, harm: float) -> bool:
    """Whether the accuracy on everything is unharmed, as far as its interval tells."""
    return bool(figures.get("accuracy_change_low", np.nan) > -harm)


def _unharmed(figures: Figures, harm: float) -> bool:
    counts = _counts(figures, "harmed_", "unclear_")
    return "unclear_classes" in figures and not any(counts) and _whole(figures, harm)


def _not_harmed(figures: Figures, harm: float) -> bool:
    counts = _counts(figures, "harmed_") if "harmed_classes" in figures else [figures.get("affected_classes", np.nan)]
    return not any(counts) and _whole(figures, harm)


def _counts(figures: Figures, *kinds: str) -> list[float]:
    """How many classes and groups are of some verdicts."""
    return [value for name, value in figures.items() if name.startswith(kinds)]
