"""What the measures of cost share: a count beside that of the reference model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from labkit.audit.evidence import Evidence

if TYPE_CHECKING:
    from labkit.cost import Cost

TASKS = ("classification", "multilabel", "nodes")


def counted(key: str, count: Callable[[Cost], float]) -> Callable[[Evidence], dict[str, float]]:
    """Return a compute function for a count and its ratio to that of the reference model.

    Parameters
    ----------
    key : str
    count : callable
        Reads the count from a `Cost`.

    Returns
    -------
    callable
    """

    def compute(evidence: Evidence) -> dict[str, float]:
        if evidence.cost is None:
            return {}
        own, other = count(evidence.cost), evidence.reference_cost
        if other is None:
            return {key: own}
        base = count(other)
        return {key: own, f"{key}_ratio": own / base if base else np.nan}

    return compute


def ratio_delta(key: str, even: float = 0.005) -> Callable[[Mapping[str, float]], tuple[str, str]]:
    """Return the line under a cost: its ratio to the uncompressed network.

    Parameters
    ----------
    key : str
        Of the ratio in `Audit.summary`.
    even : float
        Ratios this close to 1 are neither good nor bad.

    Returns
    -------
    callable
    """

    def delta(figures: Mapping[str, float]) -> tuple[str, str]:
        ratio = figures.get(key)
        if ratio is None:
            return "", "neutral"
        tone = "neutral" if abs(ratio - 1) <= even else "good" if ratio < 1 else "bad"
        return f"{100 * ratio:.0f} % of uncompressed", tone

    return delta
