"""What a benchmark of sparse training says: means with intervals, differences between rules, the effect of a parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit import figures
from labkit.audit import over_seeds
from labkit.runs.rule_contrasts import contrasts, rule_settings
from labkit.sparsify import RULES

DENSE = "dense"
FACTS = ["training_share", "inference_share", "nonzeros", "fan_in_min", "fan_in_max", "empty"]
SHARES = {
    "training_share": ("training_gflops", "dense_training_gflops"),
    "inference_share": ("inference_mflops", "dense_inference_mflops"),
}


@dataclass(frozen=True, eq=False)
class ParameterSweep:
    """Trainings of one rule at one sparsity that differ in one parameter.

    Attributes
    ----------
    rule, parameter : str
    sparsity : float
    cells : DataFrame
        As `cell_means`, one row per value of the parameter.
    """

    rule: str
    parameter: str
    sparsity: float
    cells: pd.DataFrame


def with_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Add what each training and its network cost relative to dense ones, and the fraction of neurons without connections.

    Parameters
    ----------
    rows : DataFrame
        One row per training, as benchmarks/dynamic_sparse_training.py writes them.

    Returns
    -------
    DataFrame
        With the columns training_share and inference_share (FLOPs over those of a dense training or network), nonzeros (of
        the sparse layers), fan_in_min, fan_in_max and empty (fraction of the neurons); NaN where a row does not say.
    """
    have = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *FACTS])))
    for name, (part, whole) in SHARES.items():
        if part in rows and whole in rows:
            have[name] = rows[part].astype(float) / rows[whole].astype(float)
    if "active" in rows and "neurons_at_first" in rows:
        # with some rules neurons begin without connections; a rule where none does says how many neurons there are
        have["empty"] = 1 - rows["active"].astype(float) / rows[["active", "neurons_at_first"]].max(axis=None)
    return have


def cell_means(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the mean accuracy over seeds with its 95 % interval, and the means of the costs.

    Parameters
    ----------
    rows : DataFrame
        As `with_shares` returns them.
    by : list of str
        Columns whose values make a cell.

    Returns
    -------
    DataFrame
        One row per cell: mean, low, high and seeds as `labkit.audit.over_seeds`, and the columns that `with_shares` adds.
    """
    facts = rows.astype(dict.fromkeys(FACTS, float)).groupby(by, as_index=False)[FACTS].mean()
    return over_seeds(rows, by).merge(facts, on=by)


def finite_intervals(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a table with NaN in place of the infinite limits that the interval of a single seed has.

    Parameters
    ----------
    cells : DataFrame

    Returns
    -------
    DataFrame
    """
    return cells.replace([np.inf, -np.inf], np.nan)


def summary_of_trainings(rows: pd.DataFrame) -> str:
    """Say how many trainings there are, how long they are, and over how many seeds means are taken.

    Parameters
    ----------
    rows : DataFrame
        With columns rule and sparsity, and optionally epochs.

    Returns
    -------
    str

    Examples
    --------
    >>> summary_of_trainings(pd.DataFrame({"rule": ["rigl"] * 2, "sparsity": [0.9] * 2, "epochs": [1, 1]}))
    '2 short trainings of 1 epoch, 2 seeds for each mark.'
    """
    seeds = rows.groupby(["rule", "sparsity"]).size()
    few, many = seeds.min(), seeds.max()
    told = f"{few}" if few == many else f"{few} to {many}"
    epochs = sorted(set(rows["epochs"].dropna().astype(int))) if "epochs" in rows else []
    length = f" of {' or '.join(map(str, epochs))} epoch{'' if epochs == [1] else 's'}" if epochs else ""
    return f"{len(rows)} short trainings{length}, {told} seed{'' if many == 1 else 's'} for each mark."


def rule_differences(rows: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the accuracy of one rule minus that of each other, over pairs of equal seed.

    Parameters
    ----------
    rows : DataFrame
        One row per training with its usual settings (`usual_settings`).

    Returns
    -------
    rule : str
        The first rule of the rows in the order of `labkit.figures.in_order`; "" where there is none.
    differences : DataFrame
        As `contrasts`.
    """
    order = figures.in_order(rows["rule"])
    first = order[0] if order and order[0] != DENSE else ""
    return first, contrasts(rows, first, [name for name in order if name != first])


def significant_differences(found: pd.DataFrame, rule: str, titles: Mapping[str, str]) -> str:
    """Say at which sparsities a difference is significant, that is, its interval excludes 0.

    Parameters
    ----------
    found : DataFrame
        As `contrasts` returns it, of one network.
    rule : str
        The rule that is compared.
    titles : mapping of str to str
        Titles of rules by name.

    Returns
    -------
    str
        Markdown.
    """
    known = found[found["low"] > -math.inf]
    if known.empty:
        return "There is one pair of each so far, and no interval yet."
    parts = []
    for word, where in (("better", known["low"] > 0), ("worse", known["high"] < 0)):
        for other, rows in known[where].groupby("other", sort=False):
            *before, last = [f"{100 * sparsity:g} %" for sparsity in rows["sparsity"]]
            places = f"{', '.join(before)} and {last}" if before else last
            parts.append(f"{word} than **{figures.rule_title(str(other), titles)}** at {places}")
    if not parts:
        return "Every interval contains 0: no difference is significant."
    title = figures.rule_title(rule, titles)
    return f"{title} is {', '.join(parts)}. Elsewhere the 95 % interval contains 0: the difference is not significant."


def parameter_sweeps(rows: pd.DataFrame) -> list[ParameterSweep]:
    """Return every parameter of a rule of which the trainings hold several values, at the sparsity that has most of them.

    Parameters
    ----------
    rows : DataFrame
        As `with_shares` returns them, of one network, with all settings.

    Returns
    -------
    list of ParameterSweep
        In the order of `labkit.sparsify.RULES`.
    """
    found = []
    columns = rule_settings(rows)
    for rule in RULES.values():
        for parameter in (name for name in rule.own if name in columns):
            own = rows[(rows["rule"] == rule.name) & rows[parameter].notna()]
            counts = own.groupby("sparsity")[parameter].nunique()
            if counts.empty or counts.max() < 2:
                continue
            sparsity = float(counts.idxmax())
            cells = cell_means(own[own["sparsity"] == sparsity], [parameter])
            found.append(ParameterSweep(rule.name, parameter, sparsity, cells))
    return found
