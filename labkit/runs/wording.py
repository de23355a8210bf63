"""`run_in_words`: a run as a reader would say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.compress import described
from labkit.runs.identity import TRAINED
from labkit.sparsify import RULES


def run_in_words(method: str, parameters: Mapping[str, Any]) -> str:
    """Describe a run with the titles of the registries, as the page Live does: method, layers and settings.

    `label` is the short form, for axes, legends and tables on a terminal.

    Parameters
    ----------
    method : str
        A compression method, or ``train_RULE``.
    parameters : mapping of str to object

    Returns
    -------
    str
        Of a training the rule and the settings of its headline; the rest is the recipe.

    Examples
    --------
    >>> run_in_words("condense", {"sparsity": 0.9, "layers": "inner"})
    'Fixed fan-in (condensed), all but first and last layers, sparsity 0.9'
    >>> run_in_words("train_rigl", {"epochs": 3, "sparsity": 0.9, "update_every": 25, "exclude": ["conv1"]})
    'Trained: RigL, sparsity 0.9, epochs 3'
    """
    if not method.startswith(TRAINED):
        return described(method, {name: value for name, value in parameters.items() if name != "weights"})
    name = method.removeprefix(TRAINED)
    rule = RULES.get(name)
    shown = [*(("sparsity",) if rule is None else rule.headline), "epochs"]
    numbers = [f"{key.replace('_', ' ')} {parameters[key]:g}" for key in shown if parameters.get(key) is not None]
    return ", ".join([f"Trained: {name if rule is None else rule.title}", *numbers])
