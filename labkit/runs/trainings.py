"""Stored sparse trainings as a table, with names that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from labkit import figures
from labkit.runs.identity import TRAINED
from labkit.runs.store import Store
from labkit.sparsify import RULES

COLUMNS = ["network", "rule", "sparsity", "seed", "name", "accuracy", "folder"]
DENSE = "dense"
BY_DEFAULT = "default"


def stored_trainings(stores: Iterable[Store]) -> pd.DataFrame:
    """Return the runs that were trained sparse from scratch, and the dense ones beside them.

    Parameters
    ----------
    stores : iterable of Store
        Of two runs with one id the first store's counts. Damaged runs are left out.

    Returns
    -------
    DataFrame
        One row per run, indexed by id: network; rule, or "dense"; sparsity (fraction of zeros, 0 for dense); seed; name (the rule,
        followed by every setting that differs from that of most trainings of the network); accuracy (fraction); folder (of the
        store).
    """
    rows: dict[str, dict[str, Any]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for store in stores:
        for run in store.runs():
            if run.damaged or not run.method.startswith(TRAINED) or run.id in rows:
                continue
            rule = run.method.removeprefix(TRAINED)
            given = {**_defaults(rule), **run.parameters}
            try:
                sparsity = _sparsity(rule, given)
            except (ValueError, TypeError, ArithmeticError):  # parameters that no training has
                continue
            row = {"network": run.model, "rule": rule, "sparsity": sparsity, "seed": run.seed}
            rows[run.id] = {**row, "accuracy": run.summary.get("accuracy"), "folder": str(store.folder)}
            settings[run.id] = {name: _text(value) for name, value in given.items() if name != "sparsity"}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[name for name in COLUMNS if name != "name"])
    names: dict[str, str] = {}
    for _, group in table.groupby("network"):
        rules = group["rule"].to_dict()
        usual = _usual(rules, settings)
        names |= {run: _name(rule, settings[run], usual) for run, rule in rules.items()}
    return table.assign(name=pd.Series(names, dtype=object))[COLUMNS]


def rule_titles() -> dict[str, str]:
    """Return the short title of every registered rule.

    Returns
    -------
    dict of str to str
        In the order in which figures list rules. A rule from outside has the title that it was registered with.

    Examples
    --------
    >>> next(iter(rule_titles().items()))
    ('srigl', 'SRigL')
    """
    short = {name: figures.rule_title(name) for name in figures.in_order(RULES)}
    return {name: RULES[name].title if title == name else title for name, title in short.items()}


def training_summary(accuracy: float, told: pd.DataFrame | None) -> str:
    """Say how a training ended and what it cost.

    Parameters
    ----------
    accuracy : float
        On the test data, as a fraction.
    told : DataFrame or None
        The table ``training`` of the run (`Store.table_of`): one row with training, dense_training, inference and dense_inference
        in FLOPs, and seconds.

    Returns
    -------
    str
    """
    said = f"Test accuracy {100 * accuracy:.2f} %"
    if told is None:
        return f"{said}."
    row = told.iloc[0]
    training, inference = row["training"] / row["dense_training"], row["inference"] / row["dense_inference"]
    return (
        f"{said}; the training took {100 * training:.0f} % of the FLOPs of a dense one and {row['seconds']:,.0f} s, "
        f"inference takes {100 * inference:.0f} % of the FLOPs."
    )


def _defaults(rule: str) -> dict[str, Any]:
    """Values that the parameters of a run leave out where nobody stated them."""
    found = RULES.get(rule)
    return {} if found is None else {name: found.params[name].default for name in found.headline}


def _sparsity(rule: str, given: dict[str, Any]) -> float:
    if rule == DENSE:
        return 0.0
    found = RULES.get(rule)
    if found is None or "sparsity" in given:
        return float(given.get("sparsity", float("nan")))
    return found.sparsity({name: given[name] for name in found.headline if name in given})


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "+".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _takes(rule: str, setting: str) -> bool:
    """Whether a rule has this setting at all; a dense training has only the length."""
    if rule == DENSE:
        return setting == "epochs"
    of_others = {name for other in RULES.values() for name in other.own}
    return rule not in RULES or setting not in of_others or setting in RULES[rule].params


def _usual(rules: dict[str, str], settings: dict[str, dict[str, str]]) -> dict[str, str]:
    """Each setting as most trainings of a network have it."""
    usual = {}
    for setting in sorted({name for run in rules for name in settings[run]}):
        values = [settings[run].get(setting, BY_DEFAULT) for run, rule in rules.items() if _takes(rule, setting)]
        usual[setting] = Counter(values).most_common(1)[0][0] if values else BY_DEFAULT
    return usual


def _name(rule: str, own: dict[str, str], usual: dict[str, str]) -> str:
    others = [
        f"{setting}={own.get(setting, BY_DEFAULT)}"
        for setting, value in usual.items()
        if _takes(rule, setting) and own.get(setting, BY_DEFAULT) != value
    ]
    return ", ".join([rule, *others])
