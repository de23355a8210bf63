"""Figures that audits have today, computed on reading for runs that were stored before.

Nothing in the folder of a run is changed: figures follow from its class table and predictions, and, for groups, from the data.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labkit.audit import Measured
from labkit.audit import data_id as fingerprint
from labkit.audit.assemble import flat
from labkit.audit.group_changes import group_changes
from labkit.audit.groups import DIFFERENCES, class_fairness
from labkit.audit.measures.group_gaps import METRIC_OF, gap_figures
from labkit.audit.measures.harm import counts_of
from labkit.audit.permutation import permuted_gap
from labkit.audit.verdicts import with_verdicts
from labkit.data import CATALOGUE, Split, open_dataset
from labkit.runs.checking import MOST_AUDIT, read_json
from labkit.runs.tables import read_table

REFERENCES = Path(__file__).with_name("gallery_references.json")
COLUMNS = ["label", "predicted", "reference_predicted"]
SIGN = "harmed_classes"  # held by every summary with a reference since verdicts are stored


def with_class_verdicts(folder: Path, summary: dict[str, Any]) -> dict[str, Any]:
    """Add the counts of harmed and unclear classes to the summary of a run.

    Parameters
    ----------
    folder : Path
        Of the run.
    summary : dict
        As in ``run.json``.

    Returns
    -------
    dict
        The same where it has them, or where no reference was audited.
    """
    if SIGN in summary or "worst_class_change" not in summary:
        return summary
    return summary | _class_figures(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _class_figures(folder: Path, stamp: int) -> dict[str, float]:
    try:
        facts = read_json(folder / "audit.json", MOST_AUDIT)
        table = with_verdicts(pd.DataFrame(facts["per_class"]).set_index("class").astype(float), level=facts["level"])
        return flat(Measured(counts_of(table, "classes"))) | _ends(facts["fairness"] or [])
    except Exception:  # damaged in whichever way: said where the run is read as a whole
        return {}


@lru_cache(maxsize=1)
def _references() -> dict[tuple[str, str], dict[str, float]]:
    """Return figures of the networks that ship, on their data: those of runs that hold no outputs of the reference."""
    rows = json.loads(REFERENCES.read_text()) if REFERENCES.is_file() else []
    return {(row["model_sha"], row["data_id"]): row["figures"] for row in rows}


def with_reference_figures(summary: dict[str, Any], model_sha: str, data_id: str) -> dict[str, Any]:
    """Add the calibration of the uncompressed network to the summary of a run that was stored without it.

    Parameters
    ----------
    summary : dict
    model_sha, data_id : str
        Fingerprints of the network that was compressed, and of the data.

    Returns
    -------
    dict
        The same where it has it, or where the network is none of those that ship.
    """
    known = _references().get((model_sha, data_id), {}) if "agreement" in summary else {}
    return summary | {name: value for name, value in known.items() if name not in summary}


def _ends(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the ends of the intervals of gaps, which summaries did not hold."""
    keys = {metric: key for key, metric in METRIC_OF.items()}
    return {
        f"{keys[row['metric']]}_{end}[{row['group column']}]": float(row[end])
        for row in rows
        if row["metric"] in keys
        for end in ("low", "high")
        if row[end] is not None
    }


@lru_cache(maxsize=512)
def group_figures(folder: Path, data: str, data_id: str, stamp: int) -> tuple[pd.DataFrame | None, dict[str, float]]:
    """Return the changes of sensitive groups of a stored run and the figures that follow, where its data are bundled.

    Parameters
    ----------
    folder : Path
    data, data_id : str
        Name and fingerprint of its data.
    stamp : int
        Of the folder: a run that was written again is read again.

    Returns
    -------
    table : DataFrame or None
        As `Audit.group_changes`; None where the data cannot be opened again or have no groups.
    figures : dict of str to float
    """
    split = _split(data, data_id)
    if split is None or split.groups is None:
        return None, {}
    try:
        return _group_figures(read_table(folder, "predictions.parquet", COLUMNS), split, data, data_id)
    except Exception:  # damaged in whichever way: said where the run is read as a whole
        return None, {}


def _group_figures(
    predictions: pd.DataFrame, split: Split, data: str, data_id: str
) -> tuple[pd.DataFrame | None, dict[str, float]]:
    if len(predictions) != len(split.labels) or split.groups is None:
        return None, {}
    label, after, before = (predictions[name].to_numpy() for name in COLUMNS)
    table = group_changes(before == label, after == label, split.groups)
    figures: dict[str, float] = {}
    for column in split.groups.columns:
        figures |= flat(Measured(counts_of(table.loc[column], "groups", str(column))))
        if split.favourable is not None or len(split.classes) == 2:
            good = len(split.classes) - 1 if split.favourable is None else split.classes.index(split.favourable)
            rates = DIFFERENCES[METRIC_OF["eod"]]
            figures[f"eod_null[{column}]"] = permuted_gap(label == good, after == good, split.groups[column], rates, np.nan)[0]
    return table, figures | _before(data, data_id, tuple(before))


@lru_cache(maxsize=8)
def _before(data: str, data_id: str, before: tuple[int, ...]) -> dict[str, float]:
    """Return the gaps of the uncompressed network, which runs of one network share."""
    split = _split(data, data_id)
    if split is None:
        return {}
    found = class_fairness(split.labels, np.array(before), split.groups, split.classes, split.favourable)
    gaps: dict[str, Any] = {}
    for key, metric in METRIC_OF.items():
        gaps |= gap_figures(found, key, metric, "reference_")
    return flat(Measured(gaps))


@lru_cache(maxsize=8)
def _split(data: str, data_id: str) -> Split | None:
    """Return the test part of bundled data, if it is still what a run was audited on and has groups."""
    if data not in CATALOGUE:
        return None
    try:
        split = open_dataset(data).test
    except (OSError, ValueError):
        return None
    same = split.groups is not None and split.groups.shape[1] > 0 and fingerprint(split) == data_id
    return split if same else None


def with_group_verdicts(folder: Path, data: str, data_id: str, summary: dict[str, Any]) -> dict[str, Any]:
    """Add the counts of harmed groups, and the gaps of the uncompressed network, to the summary of a run.

    Parameters
    ----------
    folder : Path
    data, data_id : str
    summary : dict

    Returns
    -------
    dict
        The same where it has them, or where they cannot be computed.
    """
    groups = any(str(name).startswith("worst_group_accuracy[") for name in summary)
    if not groups or "worst_class_change" not in summary or any(str(name).startswith("harmed_groups[") for name in summary):
        return summary
    return summary | group_figures(folder, data, data_id, folder.stat().st_mtime_ns)[1]
