"""Paired tests between any two runs on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labkit.audit import class_bias
from labkit.runs.group_comparison import compare_groups
from labkit.runs.run_differences import check_comparable

if TYPE_CHECKING:
    from labkit.audit import Audit


@dataclass(frozen=True, eq=False)
class Comparison:
    """What changes from audit `a` to audit `b`.

    Attributes
    ----------
    summary : DataFrame
        One row per figure that both have: ``a``, ``b``, ``change`` (b - a).
    accuracy : Series
        ``change``, ``p`` (exact McNemar over all examples), ``only_a`` and ``only_b`` (examples that one alone
        classifies correctly), ``agreement`` (fraction of equal predictions).
    per_class : DataFrame
        As `labkit.audit.class_bias` gives it, a being the reference.
    groups : DataFrame or None
        Sensitive groups, as `compare_groups` gives them: accuracy of both, change with its interval, verdict; None where no groups
        are known.
    """

    summary: pd.DataFrame
    accuracy: pd.Series
    per_class: pd.DataFrame
    groups: pd.DataFrame | None = None

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON.

        Returns
        -------
        dict
        """
        return {
            "summary": self.summary.astype(object).where(self.summary.notna(), None).to_dict("index"),
            "accuracy": {key: float(value) for key, value in self.accuracy.items()},
            "per_class": _rows(self.per_class),
            "groups": None if self.groups is None else _rows(self.groups),
        }


def _rows(table: pd.DataFrame) -> list[dict]:
    return table.astype(object).where(table.notna(), None).reset_index().to_dict("records")


def compare(a: Audit, b: Audit, *, groups: pd.DataFrame | None = None) -> Comparison:
    """Compare two audits example by example.

    Parameters
    ----------
    a, b : Audit
        Of single-label splits.
    groups : DataFrame, optional
        Sensitive features of the split, one row per example: `Split.groups` of `audited_split`.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When they are of different data, or of a task without one label per example.
    """
    check_comparable(a, b)
    labels = a.predictions["label"].to_numpy()
    first, second = (audit.predictions["predicted"].to_numpy() for audit in (a, b))
    before, after = first == labels, second == labels
    whole = class_bias(before, after, np.zeros(len(labels), np.int64)).iloc[0]
    accuracy = {
        "change": after.mean() - before.mean(),
        "p": whole["p"],
        "only_a": int((before & ~after).sum()),
        "only_b": int((after & ~before).sum()),
        "agreement": (first == second).mean(),
    }
    shared = [name for name in a.summary.index if name in b.summary.index and not name.startswith("reference")]
    summary = pd.DataFrame({"a": a.summary[shared], "b": b.summary[shared]})
    summary["change"] = summary["b"] - summary["a"]
    return Comparison(
        summary=summary,
        accuracy=pd.Series(accuracy),
        per_class=class_bias(before, after, labels, classes=list(a.per_class.index)),
        groups=None if groups is None else compare_groups(a, b, groups),
    )
