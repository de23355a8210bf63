"""Accuracy of sensitive groups in two runs, or in a run and the network it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.audit.group_changes import group_changes
from labkit.runs.run_differences import check_comparable

if TYPE_CHECKING:
    import pandas as pd

    from labkit.audit import Audit


def compare_groups(a: Audit, b: Audit, groups: pd.DataFrame) -> pd.DataFrame:
    """Test every sensitive group for a change of accuracy from one run to another.

    Parameters
    ----------
    a, b : Audit
        Of one single-label split.
    groups : DataFrame
        `Split.groups` of that split: one row per example, one column per sensitive feature.

    Returns
    -------
    DataFrame
        As `Audit.group_changes`: indexed (group column, group); examples, reference_accuracy (of `a`), accuracy (of `b`), change
        with limits, verdict and needed.

    Raises
    ------
    ValueError
        When the runs are of different data, or of a task without one label per example.
    """
    check_comparable(a, b)
    return _changes(a, a.predictions["predicted"], b.predictions["predicted"], groups)


def groups_before_and_after(audit: Audit, groups: pd.DataFrame) -> pd.DataFrame:
    """Test every sensitive group for a change of accuracy from the uncompressed network to a run of it.

    For audits that were stored without `Audit.group_changes`.

    Parameters
    ----------
    audit : Audit
        Of a single-label split, with a reference.
    groups : DataFrame
        `Split.groups` of that split.

    Returns
    -------
    DataFrame
        As `compare_groups`.

    Raises
    ------
    ValueError
        When the audit is of a task without one label per example, or has no reference.
    """
    check_comparable(audit, audit)
    if not audit.has_reference:
        raise ValueError("this audit has no reference to compare with; audit with reference=")
    return _changes(audit, audit.predictions["reference_predicted"], audit.predictions["predicted"], groups)


def _changes(audit: Audit, before: pd.Series, after: pd.Series, groups: pd.DataFrame) -> pd.DataFrame:
    labels = audit.predictions["label"].to_numpy()
    audited = groups.iloc[audit.predictions["index"].to_numpy()].reset_index(drop=True)
    return group_changes(before.to_numpy() == labels, after.to_numpy() == labels, audited)
