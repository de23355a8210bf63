"""Short labels of runs, for axes, legends and tables on a terminal."""

from __future__ import annotations

from typing import Any

from labkit.compress import METHODS
from labkit.runs.identity import TRAINED
from labkit.sparsify import RULES


def label(method: str, parameters: dict[str, Any]) -> str:
    """Return a short label of a run: the method, its numbers, and the words that differ from the method's defaults.

    Parameters
    ----------
    method : str
    parameters : dict

    Returns
    -------
    str

    Examples
    --------
    >>> label("condense", {"sparsity": 0.9, "layers": "inner"}), label("condense", {"sparsity": 0.9, "layers": "all"})
    ('condense inner sparsity=0.9', 'condense sparsity=0.9')
    >>> label("train_rigl", {"epochs": 3, "sparsity": 0.9, "update_every": 25, "exclude": ["conv1"]})
    'train_rigl sparsity=0.9 epochs=3'
    """
    numbers = {name: value for name, value in parameters.items() if isinstance(value, (int, float))}
    if method.startswith(TRAINED):  # the rest is the recipe
        rule = RULES.get(method.removeprefix(TRAINED))
        shown = (*(("sparsity",) if rule is None else rule.headline), "epochs")
        numbers = {name: numbers[name] for name in shown if name in numbers}
    return " ".join([series(method, parameters), *(f"{name}={value:g}" for name, value in numbers.items())])


def series(method: str, parameters: dict[str, Any]) -> str:
    """Return the part of a label that runs share which differ only in numbers.

    Parameters
    ----------
    method : str
    parameters : dict

    Returns
    -------
    str
    """
    if method.startswith(TRAINED):
        return method
    known = METHODS[method].params if method in METHODS else {}
    words = [
        str(value)
        for name, value in parameters.items()
        if not isinstance(value, (int, float)) and name != "weights" and value != getattr(known.get(name), "default", None)
    ]
    return " ".join([method, *words])
