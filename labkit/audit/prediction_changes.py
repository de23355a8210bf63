"""Which examples a compressed model predicts differently, and which class they moved to."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from labkit.audit.result import Audit


def flips(audit: Audit, kind: Literal["lost", "gained", "all"] = "all") -> pd.DataFrame:
    """Return the examples whose predicted class differs from the reference's.

    Parameters
    ----------
    audit : Audit
        With a reference.
    kind : {"lost", "gained", "all"}
        "lost": only the reference is right. "gained": only this model is right.

    Returns
    -------
    DataFrame
        One row per example, most confident first:
        ``index`` (row of the audited split), ``label``, ``before``, ``after`` (class names), ``confidence`` (of this model), and
        ``kind``: "lost", "gained" or "still wrong".

    Raises
    ------
    ValueError
        On an audit without a reference, or another kind.
    """
    table = _against_reference(audit)
    if kind not in ("lost", "gained", "all"):
        raise ValueError(f"kind must be 'lost', 'gained' or 'all', got {kind!r}")
    label, before, after = (table[name].to_numpy() for name in ("label", "reference_predicted", "predicted"))
    rows = np.flatnonzero(before != after)
    names = np.asarray(audit.per_class.index, dtype=object)
    kinds = np.where(before == label, "lost", np.where(after == label, "gained", "still wrong"))[rows]
    confidence = np.stack(table["probabilities"].to_numpy()[rows]).max(axis=1) if len(rows) else np.zeros(0)
    found = pd.DataFrame(
        {
            "index": table["index"].to_numpy()[rows],
            "label": names[label[rows]],
            "before": names[before[rows]],
            "after": names[after[rows]],
            "confidence": confidence.astype(float),
            "kind": kinds,
        }
    )
    found = found if kind == "all" else found[found["kind"] == kind]
    return found.sort_values("confidence", ascending=False, kind="stable").reset_index(drop=True)


def confusion_change(audit: Audit) -> pd.DataFrame:
    """Return this model's confusion matrix minus that of the reference.

    Parameters
    ----------
    audit : Audit
        Of a single-label split, with a reference.

    Returns
    -------
    DataFrame
        int [C, C], labels down, predictions across; every row sums to 0.

    Raises
    ------
    ValueError
        On an audit without a reference.
    """
    table, classes = _against_reference(audit), len(audit.per_class)
    label, before, after = (table[name].to_numpy() for name in ("label", "reference_predicted", "predicted"))
    names = audit.per_class.index
    moved = sum(sign * np.bincount(label * classes + column, minlength=classes**2) for sign, column in ((1, after), (-1, before)))
    return pd.DataFrame(np.asarray(moved).reshape(classes, classes), index=names.rename("label"), columns=names.rename("predicted"))


def _against_reference(audit: Audit) -> pd.DataFrame:
    if "reference_predicted" not in audit.predictions:
        raise ValueError("this audit has no reference to compare with; audit with reference=")
    if "label" not in audit.predictions:
        raise ValueError(f"predictions of the task {audit.task} have no single label to compare with; audit a single-label split")
    return audit.predictions
