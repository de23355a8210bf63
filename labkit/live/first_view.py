"""`opening`: the method and the settings with which a look at a network should begin."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from labkit.compress import METHODS, Choice, Method
from labkit.live.good_points import graded
from labkit.live.sessions import Session


def start(session: Session, method: str | Method, settings: dict[str, Any]) -> dict[str, float]:
    """Return where the sliders of a method should stand at first.

    Parameters
    ----------
    session : Session
    method : str or Method
    settings : dict
        Its other parameters; what they leave out takes its default.

    Returns
    -------
    dict of str to float
        The first slider at the `good_point` of its curve where that is stored for all steps; the others at their defaults.

    Raises
    ------
    ValueError
        For an unknown method or bad parameters.
    """
    entry = method if isinstance(method, Method) else METHODS.find(method)
    found = {name: float(param.default) for name, param in entry.sliders.items()}
    given = {name: value for name, value in settings.items() if name not in found}
    if found and session.stored(entry, given):
        point = graded(session.steps(entry, given))[1]
        if point is not None:
            found[next(iter(found))] = point
    return found


def opening(session: Session, methods: Iterable[str] | None = None) -> tuple[str, dict[str, Any]] | None:
    """Return the method, and the words among its settings, whose stored curve has the best good point.

    Parameters
    ----------
    session : Session
    methods : iterable of str, optional
        Methods to choose from; by default all.

    Returns
    -------
    (str, dict of str to str), or None
        None for a network without stored curves, or where every stored setting harms the accuracy.
    """
    best: tuple[tuple[int, float], tuple[str, dict[str, Any]]] | None = None
    for name in METHODS if methods is None else methods:
        choices = {key: param.options for key, param in METHODS[name].params.items() if isinstance(param, Choice)}
        for values in product(*choices.values()):
            words = dict(zip(choices, values, strict=True))
            grid = session.known().grid(METHODS[name], METHODS[name].settings(words)) if METHODS[name].sliders else None
            if grid is None:
                continue
            grade, _, size = graded({value: grid.summary(value) for value in grid.values})  # as stored: nothing is computed yet
            if grade < 3 and (best is None or (grade, size) < best[0]):
                best = (grade, size), (name, words)
    return None if best is None else best[1]
