"""From evidence to an `Audit`: compute every measure that applies and collect figures, tables and notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import torch

from labkit.audit.evidence import Evidence
from labkit.audit.identity import data_id
from labkit.audit.measure import MEASURES, Measure, Measured, Value, get_measure
from labkit.audit.notes import notes_of
from labkit.audit.result import Audit
from labkit.audit.tables import named_confusion, prediction_table

Asked = str | Iterable[str] | Mapping[str, Mapping[str, Any]]
_TABLE = re.compile(r"[A-Za-z0-9_]+")


def named(asked: Asked) -> dict[str, dict[str, Any]]:
    """Return the measures that were asked for, with their settings.

    Parameters
    ----------
    asked : str, iterable of str, or mapping of str to dict

    Returns
    -------
    dict of str to dict
    """
    if isinstance(asked, str):
        return {asked: {}}
    return {name: dict(values or {}) for name, values in asked.items()} if isinstance(asked, Mapping) else {n: {} for n in asked}


def chosen(task: str, asked: Asked = ()) -> list[tuple[Measure, dict[str, Any], bool]]:
    """Return the measures to compute.

    Parameters
    ----------
    task : str
    asked : iterable of str, or mapping of str to dict
        Measures that are computed only when named, perhaps with their settings.

    Returns
    -------
    list of (Measure, dict, bool)
        Measure, settings, and whether it was named.

    Raises
    ------
    ValueError
        For an unknown measure or setting, one that does not apply to the task, or a task without measures of predictions.
    """
    given = named(asked)
    for name in given:
        if task not in get_measure(name).tasks:
            raise ValueError(f"measure {name} applies to {', '.join(get_measure(name).tasks)}, and this split is of task {task}")
    found = [
        (measure, measure.settings(given.get(key, {})), key in given)
        for key, measure in MEASURES.items()
        if key in given or (measure.when == "always" and task in measure.tasks)
    ]
    if all("cost" in measure.needs for measure, _, _ in found):
        raise ValueError(
            f"no registered measure judges predictions of the task {task}; register one with "
            f"labkit.audit.register_measure(Measure(…, tasks=({task!r},)))"
        )
    return found


def assemble(evidence: Evidence, asked: Asked = ()) -> Audit:
    """Compute every measure that applies and return the audit.

    Parameters
    ----------
    evidence : Evidence
    asked : iterable of str, or mapping of str to dict
        See `chosen`.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        As `chosen`; for a measure that was named and lacks something; or a measure that fails.
    """
    figures: dict[str, float] = {"examples": float(len(evidence.predicted))}
    extras: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    records: dict[str, dict[str, Any]] = {}
    for measure, settings, asked_for in chosen(evidence.task, asked):
        lacking = evidence.lacks(measure.needs)
        if lacking and asked_for:
            raise ValueError(f"measure {measure.key} needs {' and '.join(lacking)}, which this audit does not have")
        if not lacking:
            found = computed(measure, evidence, settings)
            _add(figures, flat(found), measure)
            _add(extras, _checked_tables(found, measure), measure)
            notes += found.notes
            records[measure.key] = {"version": measure.version, "settings": settings}
    summary = pd.Series(figures, dtype=float)
    return Audit(summary=summary, extras=extras, measures=records, **_tables(evidence), notes=(*notes_of(evidence), *notes))


def computed(measure: Measure, evidence: Evidence, settings: Mapping[str, Any]) -> Measured:
    """Run one measure.

    Parameters
    ----------
    measure : Measure
    evidence : Evidence
    settings : mapping

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        When it fails, or returns something else than figures.
    """
    try:
        found = measure.compute(evidence.with_settings(settings), **settings)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a measure from outside may raise anything
        raise ValueError(f"measure {measure.key} failed: {type(error).__name__}: {error}") from error
    if isinstance(found, Measured):
        return found
    if isinstance(found, Mapping):
        return Measured(found)
    return Measured({measure.key: found})


def flat(found: Measured) -> dict[str, float]:
    """Return figures as numbers, an interval as ``KEY_low`` and ``KEY_high``.

    Parameters
    ----------
    found : Measured

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        When a figure is not a number.
    """
    numbers: dict[str, float] = {}
    for key, value in found.figures.items():
        limits = (value.value, value.low, value.high) if isinstance(value, Value) else (value, None, None)
        stem, bracket, column = key.partition("[")  # of a figure by group the column stays last
        names = (key, f"{stem}_low{bracket}{column}", f"{stem}_high{bracket}{column}")
        for name, number in zip(names, limits, strict=True):
            if number is not None:
                numbers[name] = _number(key, number)
    return numbers


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"figure {key} must be a number or a labkit.audit.Value, got {value!r}") from None


def _add(place: dict[str, Any], found: Mapping[str, Any], measure: Measure) -> None:
    for key, value in found.items():
        if key in place:
            raise ValueError(f"measure {measure.key} returns {key}, which another measure has returned; choose another name")
        place[key] = value


def _checked_tables(found: Measured, measure: Measure) -> dict[str, pd.DataFrame]:
    for name, table in found.tables.items():
        if not _TABLE.fullmatch(str(name)):
            raise ValueError(f"table {name!r} of measure {measure.key} must be named with letters, digits and underscores")
        if not isinstance(table, pd.DataFrame):
            raise ValueError(f"table {name} of measure {measure.key} must be a DataFrame, got {type(table).__name__}")
    return dict(found.tables)


def _tables(evidence: Evidence) -> dict[str, Any]:
    """Return the tables of every single-label audit; a multi-label audit has only some of them."""
    common = {
        "data_id": data_id(evidence.split),
        "level": evidence.level,
        "task": evidence.task,
        "cost": evidence.cost,
        "reference_cost": evidence.reference_cost,
    }
    if evidence.task == "multilabel":
        counts = evidence.split.class_counts().rename_axis("class").to_frame("examples")
        predictions = prediction_table(None, evidence.predicted, evidence.reference_predicted, None)
        return {"per_class": counts, "predictions": predictions, "confusion": None, "reliability": None, **common}
    groups = evidence.groups
    return {
        "per_class": evidence.per_class,
        "predictions": prediction_table(evidence.labels, evidence.predicted, evidence.reference_predicted, evidence.probabilities),
        "confusion": named_confusion(evidence.confusion, evidence.classes),
        "reliability": evidence.reliability,
        "fairness": None if groups is None else groups.table,
        "by_group": None if groups is None else groups.by_group,
        "group_changes": evidence.group_changes,
        **common,
    }
