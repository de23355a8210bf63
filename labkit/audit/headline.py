"""The figures of an audit that a reader looks at first, formatted for cards, tables and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from labkit.audit.measure import MEASURES, Measure, group_column

Tone = Literal["good", "bad", "neutral"]


@dataclass(frozen=True)
class Headline:
    """One figure, formatted.

    Attributes
    ----------
    key : str
        Its name in `Audit.summary`.
    title, value, delta : str
        E.g. "accuracy", "92.38 %", "-0.20 pp (-0.50 to +0.10)"; `delta` is "" without a reference.
    tone : {"good", "bad", "neutral"}
        Whether the change is for the better; a change that chance explains is neutral.
    help : str
        One sentence.
    """

    key: str
    title: str
    value: str
    delta: str
    tone: Tone
    help: str


def headlines(summary: pd.Series | Mapping[str, float]) -> list[Headline]:
    """Format the headline measures of a summary; what was not measured is left out.

    Parameters
    ----------
    summary : Series or mapping of str to float
        `Audit.summary`.

    Returns
    -------
    list of Headline
        In the order of `labkit.audit.MEASURES`.

    Examples
    --------
    >>> [h.value for h in headlines({"accuracy": 0.9, "accuracy_low": 0.88, "accuracy_high": 0.92, "bytes": 2.5e6})]
    ['90.00 %', '2.50 MB']
    """
    figures = {str(key): float(value) for key, value in summary.items() if value is not None and value == value}
    lines = (_headline(measure, figures) for measure in MEASURES.values() if measure.headline)
    return [line for line in lines if line is not None]


def _headline(measure: Measure, figures: dict[str, float]) -> Headline | None:
    key = measure.worst(figures)
    if key is None:
        return None
    column = group_column(key)
    if measure.delta is not None:
        delta, tone = measure.delta(figures)
    elif column:
        delta, tone = f"by {column}", "neutral"
    else:
        delta, tone = _delta(measure, figures)
    return Headline(key, measure.title, measure.shown(figures[key]), delta, tone, measure.help)  # type: ignore[arg-type]


def _delta(measure: Measure, figures: dict[str, float]) -> tuple[str, Tone]:
    """Return the default line under a value: the value of the reference model, or the interval."""
    key, other = measure.key, f"reference_{measure.key}"
    low, high = figures.get(f"{key}_low"), figures.get(f"{key}_high")
    tone: Tone = "neutral"
    if other in figures:
        before = figures[other]
        if low is not None and high is not None and not low <= before <= high:
            tone = "good" if (figures[key] > before) == (measure.better == "higher") else "bad"
        return f"{measure.shown(before)} uncompressed", tone
    if low is not None and high is not None:
        return f"{measure.shown(low)} to {measure.shown(high)}", tone
    return "", tone
