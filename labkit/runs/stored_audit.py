"""An audit in a run's folder: ``audit.json``, ``per_class.parquet``, ``predictions.parquet``, ``extra.*.parquet``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from labkit.audit import Audit
from labkit.audit.tables import full_confusion, named_confusion
from labkit.audit.verdicts import with_verdicts
from labkit.cost import Cost
from labkit.runs.audit_checks import check_audit, check_classes, check_predictions
from labkit.runs.checking import MOST_AUDIT, listed, read_facts, read_json
from labkit.runs.later_figures import group_figures
from labkit.runs.tables import read_predictions, read_table, reading, write_extra, write_predictions, write_table

AUDIT, CLASSES, PREDICTIONS = "audit.json", "per_class.parquet", "predictions.parquet"
GROUPS = "group_changes.parquet"
EXTRA = "extra."  # prefix of the files of `Audit.extras`


def write_audit(audit: Audit, folder: Path, *, compact: bool = False, ending: str = "") -> None:
    """Write an audit.

    Parameters
    ----------
    audit : Audit
    folder : Path
    compact : bool
        Probabilities in steps of 1/256.
    ending : str
        What follows the names of the files until they are whole.
    """
    (folder / f"{AUDIT}{ending}").write_text(replace(audit, extras={}).to_json() + "\n")
    for name, table in audit.extras.items():
        write_extra(table, folder / f"{EXTRA}{name}.parquet{ending}")
    if audit.group_changes is not None:
        write_table(audit.group_changes, folder / f"{GROUPS}{ending}")
    write_table(audit.per_class, folder / f"{CLASSES}{ending}")
    write_predictions(audit.predictions, folder / f"{PREDICTIONS}{ending}", compact=compact)


def read_audit(folder: Path) -> Audit:
    """Read what `write_audit` wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        When a file does not match its checksum or holds something else; the message names it.
    """
    per_class = read_per_class(folder)
    classes = list(per_class.index)
    with reading(folder, PREDICTIONS) as path:
        predictions = read_predictions(path)
        check_predictions(predictions, len(classes))
    with reading(folder, AUDIT) as path:
        facts = read_json(path, MOST_AUDIT)
        check_audit(facts, len(classes))
        confusion = facts["confusion"]
        found = Audit(
            summary=pd.Series(facts["summary"], dtype=float),
            per_class=per_class,
            predictions=predictions,
            confusion=None if confusion is None else named_confusion(full_confusion(confusion), tuple(classes)),
            reliability=_frame(facts["calibration"], ["bin"]),
            fairness=_frame(facts["fairness"], ["group column", "metric"]),
            by_group=_frame(facts["by_group"], ["group column", "group"]),
            cost=None if facts["cost"] is None else Cost.from_dict(facts["cost"]),
            reference_cost=None if facts["reference_cost"] is None else Cost.from_dict(facts["reference_cost"]),
            data_id=facts["data_id"],
            model_sha=facts["model_sha"],
            reference_sha=facts["reference_sha"],
            level=facts["level"],
            notes=tuple(facts["notes"]),
            task=facts.get("task", "classification"),
            measures=facts.get("measures", {}),
        )
        repr((found.cost, found.reference_cost))  # writes every number of them
    return replace(found, group_changes=read_group_changes(folder, found.data_id or ""), extras=_read_extras(folder))


def _read_extras(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the tables of measures, by name."""
    names = sorted(name for name in listed(folder) if name.startswith(EXTRA) and name.endswith(".parquet"))
    return {name[len(EXTRA) : -len(".parquet")]: read_table(folder, name) for name in names}


def read_per_class(folder: Path) -> pd.DataFrame:
    """Read the class table alone.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        When the file does not match its checksum or holds something else.
    """
    stored = read_table(folder, CLASSES)
    with reading(folder, CLASSES):
        check_classes(stored)
        table = _numbers(stored.set_index("class"))
        return table if "verdict" in table else with_verdicts(table)  # of a run that was stored before verdicts were


def read_group_changes(folder: Path, data_id: str = "") -> pd.DataFrame | None:
    """Read the changes of sensitive groups alone.

    Parameters
    ----------
    folder : Path
    data_id : str
        Fingerprint of the data; with it the table is computed for a run that was stored without it, where the data are bundled.

    Returns
    -------
    DataFrame or None
        None for a run without groups or a reference.

    Raises
    ------
    ValueError
        When the file does not match its checksum or holds something else.
    """
    if GROUPS in listed(folder):
        table = read_table(folder, GROUPS)
        with reading(folder, GROUPS):
            return table.set_index(["group column", "group"])
    if not data_id:
        return None
    run = read_facts(folder)
    if not any(name.startswith("worst_group_accuracy[") for name in run["summary"]) or "agreement" not in run["summary"]:
        return None
    return group_figures(folder, run["data"], data_id, folder.stat().st_mtime_ns)[0]


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Undefined figures, as of a network that predicts one class only, come back as None: JSON has no NaN."""
    return frame.astype({name: float for name in frame if frame[name].isna().all()})


def _frame(rows: list[dict[str, Any]] | None, index: list[str]) -> pd.DataFrame | None:
    """Make a table of rows whose first columns were the index."""
    if rows is None:
        return None
    frame = pd.DataFrame(rows)
    frame = _numbers(frame)
    return frame.set_index([name for name in index if name in frame.columns] or [frame.columns[0]])
