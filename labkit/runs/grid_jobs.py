"""Jobs of a sweep: a grid of networks, methods, rules and parameters, expanded."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from labkit import models
from labkit.audit import get_measure
from labkit.compress import get_method
from labkit.messages import unknown_name
from labkit.models.own import OWN
from labkit.runs.identity import TRAINED
from labkit.seeds import checked_seed
from labkit.sparsify import rule_or_dense
from labkit.words import shortly

RUNS = 10_000  # of one grid: each takes seconds, and a job is a kilobyte
KEYS = ("models", "methods", "rules", "measures", "data", "data_options", "seed")


@dataclass(frozen=True)
class Job:
    """One run to make.

    Attributes
    ----------
    model : str
    method : str
        A compression method, or ``train_RULE`` for a training from scratch with a rule.
    parameters : dict
    data : str
    seed : int
    model_options, data_options : dict
        Further arguments of `labkit.models.load` and `labkit.data.open_dataset`.
    measures : dict of str to dict
        Measures with ``when="asked"`` and their settings; no part of a run's identity.
    """

    model: str
    method: str
    parameters: dict[str, Any]
    data: str
    seed: int = 0
    model_options: dict[str, Any] = field(default_factory=dict)
    data_options: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        values = ", ".join(f"{name}={_brief(value)}" for name, value in self.parameters.items())
        return f"{self.model}: {self.method}({values})"


def jobs(grid: dict[str, Any]) -> list[Job]:
    """Expand a grid into jobs: every model with every method or rule and every combination of the parameters listed.

    Parameters
    ----------
    grid : dict
        ``models``: names, or {name: options}; ``methods``: {name: {parameter: value or list}}; ``rules``: the same for sparse
        training from scratch (reference models only; ``epochs`` is a parameter too); ``measures``: names, or {name: settings};
        ``data``: a name (by default what each reference model was trained on); ``data_options``, ``seed``: optional.

    Returns
    -------
    list of Job

    Raises
    ------
    ValueError
        On unknown keys, methods, rules, measures or parameters, values of another type, nothing to do, or more than `RUNS` runs.
    """
    if not isinstance(grid, dict):
        raise ValueError(f"a grid is a mapping with models and methods, got {type(grid).__name__}")
    for key in grid:
        if key not in KEYS:
            raise unknown_name("key of a grid", key, KEYS)
    options, methods, rules = _named(grid, "models"), _named(grid, "methods"), _named(grid, "rules")
    measures = {name: get_measure(name).settings(values) for name, values in _named(grid, "measures").items()}
    seed, data_options = grid.get("seed", 0), grid.get("data_options") or {}
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError(f"the seed of a grid is one whole number, got {shortly(seed)}; sweep once for each seed")
    seed = checked_seed(seed, "the seed of a grid")
    if not isinstance(data_options, dict):
        raise ValueError(f"data_options of a grid maps names to values, got {shortly(data_options)}")
    _check_count(options, {**methods, **{f"{TRAINED}{name}": values for name, values in rules.items()}})
    data = grid.get("data") or None
    if not isinstance(data, (str, type(None))):
        raise ValueError(f"data of a grid is one name or path, got {shortly(data)}; write it in quotes if it is a text")
    settings = [(method, chosen) for method, values in methods.items() for chosen in _of_method(method, values)]
    settings += [(f"{TRAINED}{rule}", chosen) for rule, values in rules.items() for chosen in _of_rule(rule, values)]
    for model in filter(models.is_own, options):
        if model not in OWN:
            raise ValueError(f"{model} is code of your own, which a grid alone does not start; name it too: --model {model}")
    found = [
        Job(model, method, chosen, data or _own_data(model), seed, options[model], data_options, measures)
        for model in options
        for method, chosen in settings
    ]
    if not found:
        raise ValueError(
            "the grid has no model or no method; give models: [vit_fashion] and methods: {condense: {sparsity: [0.9]}}"
        )
    return found


def _named(grid: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """Entries of a grid, given as one name, a list of names, or names with their options."""
    given = grid.get(key) or {}
    given = [given] if isinstance(given, str) else given
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return {name: {} for name in given}
    if isinstance(given, dict) and all(isinstance(name, str) and isinstance(of, (dict, type(None))) for name, of in given.items()):
        return {name: values or {} for name, values in given.items()}
    raise ValueError(f"{key} of a grid are a list of names, or map each name to its options, got {shortly(given)}")


def _check_count(options: dict[str, Any], methods: dict[str, dict[str, Any]]) -> None:
    """Refuse a grid that is too large, before any of its combinations is built."""
    total = 0
    for name, values in methods.items():
        sizes = {key: len(value) for key, value in values.items() if isinstance(value, list)}
        total += len(options) * math.prod(sizes.values())
        if total > RUNS:
            said = " x ".join(f"{size:,} values of {_brief(key)}" for key, size in sizes.items() if size > 1)
            raise ValueError(
                f"the grid has more than {RUNS:,} runs: {_brief(name)} alone has {said or 'one setting'} for {len(options):,} "
                "networks; give fewer values, or several grids"
            )


def _brief(value: Any) -> str:
    """A value or name within a sentence: without quotes."""
    return value if isinstance(value, str) and len(value) <= 100 else shortly(value, 100)


def _own_data(model: str) -> str:
    """What a reference model was trained on."""
    if models.built_for_data(model):
        raise ValueError(f"say what data {model} is for: data: NAME in the grid; only reference models know theirs")
    return models.get_recipe(model).data


def _of_method(method: str, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for chosen in _combinations(values):
        yield _plain(method, get_method(method).settings(chosen))


def _of_rule(name: str, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rule = rule_or_dense(name)
    for chosen in _combinations(values):
        own = {key: value for key, value in chosen.items() if key != "epochs"}
        typed = own if rule is None else rule.typed(own)
        epochs = chosen.get("epochs", 1)
        if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
            raise ValueError(f"epochs of {name} must be a whole number of at least 1, got {shortly(epochs)}")
        yield _plain(name, typed | {key: value for key, value in chosen.items() if key == "epochs"})


def _plain(name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """Refuse what no run can keep, e.g. a date or a set, which YAML has too."""
    for key, value in chosen.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            what = f"parameter {_brief(key)} of {name}"
            raise ValueError(f"{what} must be numbers, words or lists of them, got {shortly(value)}") from None
    return chosen


def _combinations(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    lists = [value if isinstance(value, list) else [value] for value in values.values()]
    for combination in itertools.product(*lists):
        yield dict(zip(values, combination, strict=True))
