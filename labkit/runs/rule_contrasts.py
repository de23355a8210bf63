"""Comparisons between rules of sparse training, over trainings of equal seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from labkit.audit import paired_difference
from labkit.sparsify import RULES


def rule_settings(rows: pd.DataFrame) -> list[str]:
    """Return the columns of a table of trainings that hold a parameter which only some rules have.

    Parameters
    ----------
    rows : DataFrame
        One row per training.

    Returns
    -------
    list of str
    """
    own = dict.fromkeys(name for rule in RULES.values() for name in rule.own)
    return [name for name in own if name in rows]


def usual_settings(rows: pd.DataFrame, settings: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the trainings with the usual settings of their network: those without a value, or with the most frequent one.

    Parameters
    ----------
    rows : DataFrame
        One row per training, with the column network and those of `settings`.
    settings : sequence of str, optional
        Columns to look at; by default `rule_settings`.

    Returns
    -------
    DataFrame
        Some of the rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"network": "a", "rule": "n_of_m", "n": [2, 2, 1]})
    >>> usual_settings(rows)["n"].tolist()
    [2, 2]
    """
    for name in rule_settings(rows) if settings is None else settings:
        most = {network: Counter(known.dropna()) for network, known in rows.groupby("network")[name]}
        usual = {network: counts.most_common(1)[0][0] for network, counts in most.items() if counts}
        rows = rows[rows[name].isna() | (rows[name] == rows["network"].map(usual))]
    return rows


def contrasts(
    rows: pd.DataFrame, rule: str = "srigl", others: Sequence[str] = ("rigl", "srigl_no_ablation", "dense")
) -> pd.DataFrame:
    """Return the accuracy of a rule minus that of each other rule, over pairs of equal seed.

    Parameters
    ----------
    rows : DataFrame
        One row per training, with columns network, rule, sparsity, seed, accuracy; see `usual_settings`.
    rule : str
        The rule to compare.
    others : sequence of str
        What it is compared with; "dense" is compared with every sparsity.

    Returns
    -------
    DataFrame
        One row per (network, sparsity, other): mean, low, high (95 %) of the difference as a fraction, and the number of seeds.
    """
    found = []
    for (network, sparsity), ours in rows[rows["rule"] == rule].groupby(["network", "sparsity"]):
        peers = rows[(rows["network"] == network) & ((rows["sparsity"] == sparsity) | (rows["rule"] == "dense"))]
        for other in others:
            theirs = peers[peers["rule"] == other]
            if set(theirs["seed"]) & set(ours["seed"]):
                place = {"network": network, "sparsity": sparsity, "other": other}
                found.append({**place, **paired_difference(theirs, ours)})
    return pd.DataFrame(found, columns=["network", "sparsity", "other", "mean", "low", "high", "seeds"])
