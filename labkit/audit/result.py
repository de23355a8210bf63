"""`Audit`: the tables that an audit returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from labkit.audit.plain import plain
from labkit.audit.render import as_html, as_text
from labkit.audit.tables import plain_confusion
from labkit.cost import Cost

SCHEMA = "labkit.audit/1"


@dataclass(frozen=True, eq=False)
class Audit:
    """Figures and tables of a model on a split, compared with a reference model if there is one. All rates are fractions.

    Attributes
    ----------
    summary : Series of float
        Figures of every registered measure that applies, and ``examples``. Of a classification:
        ``accuracy`` with its Wilson limits ``accuracy_low`` and ``accuracy_high``, ``ece``, ``brier``.
        With a reference: ``reference_accuracy``, ``accuracy_change`` (with ``_low``, ``_high``), ``change_p`` (McNemar),
        ``affected_classes``, ``worst_class_change``, ``agreement`` (fraction of equal predictions).
        With groups: ``worst_group_accuracy[COLUMN]`` and, for two classes or a favourable one, ``dpd[COLUMN]`` and
        ``eod[COLUMN]`` (demographic parity and equalized odds difference).
        With cost: ``parameters``, ``nonzeros``, ``bytes``, ``macs`` and ``…_ratio`` of each: this model over the reference, below 1
        is cheaper. Timed in turns with the reference, with 95 % interval (``_low``, ``_high``): ``latency_ratio`` and
        ``throughput_ratio`` (above 1 is better). ``latency_ms`` holds for the machine and the moment.
    per_class : DataFrame, one row per class
        ``examples``, ``accuracy`` (= ``recall``) with Wilson limits, ``precision``. With a reference:
        ``reference_accuracy``, ``change`` with limits, ``n01`` and ``n10`` (examples that only the reference or only this
        model classifies correctly), ``p``, ``q``, ``affected``, ``verdict`` ("harmed", "unharmed" or "cannot tell", see
        `labkit.audit.verdicts`) and ``needed`` (about how many examples would tell). A class without examples is NaN.
    predictions : DataFrame, one row per example
        ``index``, ``label``, ``predicted``, ``reference_predicted`` (with a reference), ``probabilities`` (float32 [C]); of a
        multi-label split without ``label`` and ``probabilities``.
    confusion : DataFrame of int [C, C], or None for a multi-label split
        Labels down, predictions across.
    reliability : DataFrame, or None for a multi-label split
        15 reliability bins of the top class.
    fairness : DataFrame or None
        Indexed (group column, metric), columns value, low, high.
    by_group : DataFrame or None
        Sizes and rates of every group.
    group_changes : DataFrame or None
        With groups and a reference, indexed (group column, group): ``examples``, ``reference_accuracy``, ``accuracy``, ``change``
        with limits, ``n01``, ``n10``, ``verdict`` and ``needed``, as in `per_class`.
    cost, reference_cost : Cost or None
        For one example. Latencies of both are measured alternately and stored in ``cost.latency``.
    data_id, model_sha, reference_sha : str or None
        Fingerprints by content; None for a model of which only logits were given.
    level : float
        Confidence of the intervals.
    notes : tuple of str
        What a reader should know.
    extras : dict of str to DataFrame
        Tables that measures bring.
    task : {"classification", "multilabel", "nodes"}
    measures : dict of str to dict
        ``version`` and ``settings`` of every measure that was computed.
    """

    summary: pd.Series
    per_class: pd.DataFrame
    predictions: pd.DataFrame
    confusion: pd.DataFrame | None
    reliability: pd.DataFrame | None
    fairness: pd.DataFrame | None = None
    by_group: pd.DataFrame | None = None
    group_changes: pd.DataFrame | None = None
    cost: Cost | None = None
    reference_cost: Cost | None = None
    data_id: str | None = None
    model_sha: str | None = None
    reference_sha: str | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()
    extras: dict[str, pd.DataFrame] = field(default_factory=dict)
    task: str = "classification"
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def has_reference(self) -> bool:
        """Whether a reference model was audited beside this one."""
        return "reference_predicted" in self.predictions

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON: tables as lists of rows, NaN as None; without the predictions.

        The confusion matrix of more than 1,000 classes holds the cells that are not 0, see `labkit.audit.tables.plain_confusion`.

        Returns
        -------
        dict
        """
        return {
            "schema": SCHEMA,
            "data_id": self.data_id,
            "model_sha": self.model_sha,
            "reference_sha": self.reference_sha,
            "level": self.level,
            "notes": list(self.notes),
            "summary": plain(self.summary),
            "per_class": plain(self.per_class),
            "task": self.task,
            "measures": plain(self.measures),
            "confusion": None if self.confusion is None else plain_confusion(self.confusion),
            "calibration": plain(self.reliability),  # the name under which stored audits have it
            "fairness": plain(self.fairness),
            "by_group": plain(self.by_group),
            "group_changes": plain(self.group_changes),
            "extras": {name: plain(table) for name, table in self.extras.items()},
            "cost": None if self.cost is None else plain(self.cost.to_dict()),
            "reference_cost": None if self.reference_cost is None else plain(self.reference_cost.to_dict()),
        }

    def to_json(self, indent: int | None = None) -> str:
        """Return `to_dict` as strict JSON.

        Parameters
        ----------
        indent : int, optional

        Returns
        -------
        str
        """
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)
