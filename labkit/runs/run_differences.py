"""Examples on which two runs differ: right in one of them, wrong in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from labkit.audit import Audit


def differences(a: Audit, b: Audit) -> pd.DataFrame:
    """Return the examples that exactly one of two runs classifies correctly.

    Parameters
    ----------
    a, b : Audit
        Of one single-label split.

    Returns
    -------
    DataFrame
        One row per example, the most confident mistakes first: ``index`` (row of the audited split), ``label``, ``a``, ``b``
        (class names), ``right`` ("a" or "b") and ``confidence`` (of the run that is wrong).

    Raises
    ------
    ValueError
        When they are of different data, or of a task without one label per example.
    """
    check_comparable(a, b)
    names = np.asarray(a.per_class.index, dtype=object)
    label, first, second = (
        audit.predictions[name].to_numpy() for audit, name in ((a, "label"), (a, "predicted"), (b, "predicted"))
    )
    rows = np.flatnonzero((first == label) != (second == label))
    right = np.where(first[rows] == label[rows], "a", "b")
    sure = [np.stack(audit.predictions["probabilities"].to_numpy()[rows]).max(axis=1) if len(rows) else [] for audit in (a, b)]
    found = pd.DataFrame(
        {
            "index": a.predictions["index"].to_numpy()[rows],
            "label": names[label[rows]],
            "a": names[first[rows]],
            "b": names[second[rows]],
            "right": right,
            "confidence": np.where(right == "a", sure[1], sure[0]).astype(float),
        }
    )
    return found.sort_values("confidence", ascending=False, kind="stable").reset_index(drop=True)


def check_comparable(a: Audit, b: Audit) -> None:
    """Refuse audits that cannot be compared example by example.

    Parameters
    ----------
    a, b : Audit

    Raises
    ------
    ValueError
    """
    if "label" not in a.predictions or "label" not in b.predictions:
        raise ValueError(f"runs of the task {a.task} have no single label to compare; compare runs of a single-label task")
    if a.data_id != b.data_id:
        raise ValueError(f"the two runs are of different data ({a.data_id} and {b.data_id}); compare runs on the same split")
