"""`run_in_words`, `left_out`: a run as a reader would say it, and runs that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from labkit.compress import described
from labkit.runs.identity import TRAINED
from labkit.sparsify import RULES

if TYPE_CHECKING:
    from labkit.runs.run import Run

NAMED = 5  # runs that are left out


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


def left_out(runs: Iterable[Run]) -> str:
    """Say which runs are left out, and what is wrong with each.

    Parameters
    ----------
    runs : iterable of Run
        Sound ones are not named.

    Returns
    -------
    str
        E.g. "1 run cannot be read and is left out: 0123456789abcdef: audit.json does not match its checksum"; empty where all are
        sound.
    """
    said = [f"{run.id}: {run.damaged}" for run in runs if run.damaged]
    if not said:
        return ""
    count = "1 run cannot be read and is left out" if len(said) == 1 else f"{len(said):,} runs cannot be read and are left out"
    more = f"; and {len(said) - NAMED:,} more" if len(said) > NAMED else ""
    return f"{count}: {'; '.join(said[:NAMED])}{more}"
