"""Audit every step of a slider that is not known yet, so that the slider answers immediately afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labkit.compress import get_method
from labkit.live.grid import slider_of
from labkit.live.progress import Cancel, cancelled
from labkit.live.progressive import progressive_audit
from labkit.live.session import Session


def fill(method: str, params: dict[str, Any], place: Session, cancel: Cancel | None = None) -> Iterator[tuple[int, int]]:
    """Audit every step of the method's slider on the whole split, coarse steps first; known steps are skipped.

    Parameters
    ----------
    method : str
    params : dict
        Of the method; the value of its slider does not matter.
    place : Session
    cancel : object with ``is_set()``, optional

    Yields
    ------
    (done, total) : tuple of int
        Known steps, and all steps; a step that the method refuses, e.g. below rank 1, is never counted as known.

    Raises
    ------
    ValueError
        When the method refuses every step.
    """
    slider = slider_of(method)
    steps = [float(step) for step in get_method(method).sliders[slider].grid()]
    known, refusal = set(place.steps(method, params)), None
    yield len(known & set(steps)), len(steps)
    for step in _coarse_first(steps):
        if step in known:
            continue
        settings = {**params, slider: step}
        try:
            for progress in progressive_audit(method, settings, place.split, len(place.split), cancel, model=place):
                if progress.exact:
                    known.add(step)
        except ValueError as error:
            refusal = error
        if cancelled(cancel):
            return
        yield len(known & set(steps)), len(steps)
    if refusal is not None and not known:
        raise refusal


def _coarse_first(steps: list[float]) -> list[float]:
    """Both ends, the middle, the quarters, …: the shape of the curve appears early.

    Examples
    --------
    >>> _coarse_first([0, 1, 2, 3, 4])
    [0, 4, 2, 1, 3]
    """
    order, gap = [steps[0], steps[-1]], len(steps) - 1
    while gap > 1:
        gap = -(-gap // 2)
        order += steps[::gap]
    return list(dict.fromkeys(order))
