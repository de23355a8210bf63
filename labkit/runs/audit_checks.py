"""What the files of an audit hold, checked when they are read: a file may match its checksum and come from a stranger."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

from labkit.audit.verdicts import VERDICTS

INTERVAL = ("value", "low", "high")
TEXT = (str, type(None))
SHAPES: dict[str, tuple[type, ...]] = {
    "summary": (dict,),
    "notes": (list,),
    "confusion": (list, dict, type(None)),
    "calibration": (list, type(None)),
    "fairness": (list, type(None)),
    "by_group": (list, type(None)),
    "cost": (dict, type(None)),
    "reference_cost": (dict, type(None)),
    "data_id": TEXT,
    "model_sha": TEXT,
    "reference_sha": TEXT,
    "level": (float,),
}


def check_audit(facts: Any, classes: int) -> None:
    """Refuse what is not the content of ``audit.json``.

    Parameters
    ----------
    facts : object
        As read.
    classes : int
        Number of classes.

    Raises
    ------
    ValueError
    """
    _expect(isinstance(facts, dict), "it holds no object")
    for name, kinds in SHAPES.items():
        _expect(name in facts, f"it has no {name}")
        _expect(isinstance(facts[name], kinds), f"its {name} is of another kind")
    _expect(0 < facts["level"] < 1, "its level is not between 0 and 1")
    _expect(all(isinstance(note, str) for note in facts["notes"]), "its notes are no text")
    _expect(isinstance(facts.get("task", ""), str) and isinstance(facts.get("measures", {}), dict), "its task or measures are none")
    _expect(all(_is_number(value) for value in facts["summary"].values()), "its summary holds more than numbers")
    for name in ("calibration", "fairness", "by_group"):
        _expect(all(isinstance(row, dict) for row in facts[name] or ()), f"its {name} holds more than rows")
    for row in facts["fairness"] or ():
        _expect(all(_is_number(row.get(name)) for name in INTERVAL), "its fairness holds more than numbers")
        _expect(isinstance(row.get("group column"), str) and isinstance(row.get("metric"), str), "its fairness names no metric")
    for row in facts["by_group"] or ():
        others = {name: value for name, value in row.items() if name not in ("group column", "group")}
        _expect(all(_is_number(value) for value in others.values()), "its by_group holds more than numbers")
        _expect(isinstance(row.get("group column"), str) and "group" in row, "its by_group names no group")
    if isinstance(facts["confusion"], list):
        rows = facts["confusion"]
        whole = len(rows) == classes and all(isinstance(row, list) and len(row) == classes for row in rows)
        _expect(whole, f"its confusion matrix is not of {classes} classes")
        _expect(all(isinstance(count, int) for row in rows for count in row), "its confusion matrix holds more than counts")
    elif facts["confusion"] is not None:
        _check_cells(facts["confusion"], classes)


def _check_cells(confusion: dict[str, Any], classes: int) -> None:
    """Refuse a confusion matrix, stored by its cells, that is of other classes: that many are allocated."""
    _expect(confusion.get("classes") == classes, f"its confusion matrix is not of {classes} classes")
    label, predicted, count = (confusion.get(name) for name in ("label", "predicted", "count"))
    for part in (label, predicted, count):
        _expect(isinstance(part, list) and all(type(value) is int for value in part), "its confusion matrix holds more than counts")
    _expect(len(label) == len(predicted) == len(count), "its confusion matrix lacks cells")
    _expect(all(0 <= place < classes for place in (*label, *predicted)), f"its confusion matrix is not of {classes} classes")


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))


def check_classes(table: pd.DataFrame) -> None:
    """Refuse what is not a class table.

    Parameters
    ----------
    table : DataFrame
        As read.

    Raises
    ------
    ValueError
    """
    for name in ("class", "examples"):
        _expect(name in table, f"it has no column {name}")
    _expect(table["class"].is_unique, "it holds a class twice")
    _expect(all(isinstance(name, str) for name in table["class"]), "its classes have no names")
    for name in table:
        numbers = is_numeric_dtype(table[name]) or is_bool_dtype(table[name]) or table[name].isna().all()
        _expect(name in ("class", "verdict") or numbers, f"its column {name} holds more than numbers")
    if "verdict" in table:
        _expect(table["verdict"].dropna().isin(VERDICTS).all(), "it holds an unknown verdict")


def check_predictions(table: pd.DataFrame, classes: int) -> None:
    """Refuse what is not a table of predictions.

    Parameters
    ----------
    table : DataFrame
        As read.
    classes : int
        Number of classes.

    Raises
    ------
    ValueError
    """
    for name in ("index", "predicted"):
        _expect(name in table, f"it has no column {name}")
    for name in ("label", "predicted", "reference_predicted"):
        if name in table and "label" in table and len(table):
            inside = is_integer_dtype(table[name]) and table[name].min() >= 0 and table[name].max() < classes
            _expect(inside, f"its column {name} holds more than the {classes} classes")


def _expect(holds: Any, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
