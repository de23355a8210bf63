"""An audit in a run's folder: ``audit.json``, ``per_class.parquet``, ``predictions.parquet``, ``extra.*.parquet``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from labkit.audit import Audit
from labkit.audit.tables import full_confusion, named_confusion
from labkit.audit.verdicts import with_verdicts
from labkit.cost import Cost
from labkit.runs.later_figures import group_figures
from labkit.runs.tables import read_predictions, write_predictions, write_table

GROUPS = "group_changes.parquet"
EXTRA = "extra."  # prefix of the files of `Audit.extras`


def write_audit(audit: Audit, folder: Path, *, compact: bool = False) -> None:
    """Write an audit.

    Parameters
    ----------
    audit : Audit
    folder : Path
    compact : bool
        Probabilities in steps of 1/256.
    """
    (folder / "audit.json").write_text(replace(audit, extras={}).to_json() + "\n")
    for name, table in audit.extras.items():
        table.to_parquet(folder / f"{EXTRA}{name}.parquet", compression="zstd")
    if audit.group_changes is not None:
        write_table(audit.group_changes, folder / GROUPS)
    write_table(audit.per_class, folder / "per_class.parquet")
    write_predictions(audit.predictions, folder / "predictions.parquet", compact=compact)


def read_audit(folder: Path) -> Audit:
    """Read what `write_audit` wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Audit
    """
    facts = json.loads((folder / "audit.json").read_text())
    confusion = facts["confusion"]
    per_class = read_per_class(folder)
    classes = list(per_class.index)
    return Audit(
        summary=pd.Series(facts["summary"], dtype=float),
        per_class=per_class,
        predictions=read_predictions(folder / "predictions.parquet"),
        confusion=None if confusion is None else named_confusion(full_confusion(confusion), tuple(classes)),
        reliability=_frame(facts["calibration"], ["bin"]),
        fairness=_frame(facts["fairness"], ["group column", "metric"]),
        by_group=_frame(facts["by_group"], ["group column", "group"]),
        group_changes=read_group_changes(folder, facts["data_id"]),
        cost=None if facts["cost"] is None else Cost.from_dict(facts["cost"]),
        reference_cost=None if facts["reference_cost"] is None else Cost.from_dict(facts["reference_cost"]),
        data_id=facts["data_id"],
        model_sha=facts["model_sha"],
        reference_sha=facts["reference_sha"],
        level=facts["level"],
        notes=tuple(facts["notes"]),
        extras=_read_extras(folder),
        task=facts.get("task", "classification"),
        measures=facts.get("measures", {}),
    )


def _read_extras(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the tables of measures, by name."""
    paths = sorted(folder.glob(f"{EXTRA}*.parquet"))
    return {path.name[len(EXTRA) : -len(".parquet")]: pd.read_parquet(path) for path in paths}


def read_per_class(folder: Path) -> pd.DataFrame:
    """Read the class table alone.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    DataFrame
    """
    table = _numbers(pd.read_parquet(folder / "per_class.parquet").set_index("class"))
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
    """
    if (folder / GROUPS).is_file():
        return pd.read_parquet(folder / GROUPS).set_index(["group column", "group"])
    facts = folder / "run.json"
    if not data_id or not facts.is_file():
        return None
    run = json.loads(facts.read_text())
    if not any(name.startswith("worst_group_accuracy[") for name in run["summary"]) or "agreement" not in run["summary"]:
        return None
    return group_figures(folder, run["data"], data_id, folder.stat().st_mtime_ns)[0]


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """A figure that is undefined everywhere comes back as None, since JSON has no NaN."""
    return frame.astype({name: float for name in frame if frame[name].isna().all()})


def _frame(rows: list[dict] | None, index: list[str]) -> pd.DataFrame | None:
    """Make a table of rows whose first columns were the index."""
    if rows is None:
        return None
    frame = pd.DataFrame(rows)
    frame = _numbers(frame)
    return frame.set_index([name for name in index if name in frame.columns] or [frame.columns[0]])
