"""`Evidence`: everything a measure may look at; derived parts are computed on first use."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from labkit.audit.group_changes import group_changes
from labkit.audit.groups import DIFFERENCES, Fairness, class_fairness
from labkit.audit.permutation import shuffled_gaps
from labkit.audit.reliability import reliability
from labkit.audit.tables import class_table, softmax
from labkit.audit.tasks import task_of

if TYPE_CHECKING:
    from torch import nn

    from labkit.cost import Cost
    from labkit.data import NodeSplit, Split

KNOWN = 4  # fairness of reference models that is kept
_BEFORE: dict[int, tuple[pd.DataFrame, tuple, Fairness]] = {}


@dataclass(frozen=True, eq=False)
class Evidence:
    """The inputs of measures: outputs, labels, networks and costs of one audit.

    Attributes
    ----------
    split : Split or NodeSplit
    logits : float [N, C]
        Outputs of the model on the split.
    reference_logits : float [N, C] or None
    model, reference : nn.Module or None
        The networks themselves; None where only outputs are known. Leave them as they are.
    cost, reference_cost : Cost or None
    level : float
        Confidence of the intervals.
    seed : int
        For measures that draw at random.
    settings : dict
        Settings of the measure that is asked; also given to ``compute`` as keyword arguments.
    """

    split: Split | NodeSplit
    logits: np.ndarray
    reference_logits: np.ndarray | None = None
    model: nn.Module | None = None
    reference: nn.Module | None = None
    cost: Cost | None = None
    reference_cost: Cost | None = None
    level: float = 0.95
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def task(self) -> str:
        """Task of the split: "classification", "multilabel" or "nodes"."""
        return task_of(self.split)

    @property
    def labels(self) -> np.ndarray:
        """Labels int64 [N], or pairs [P, 2] of (row, label) of a multi-label split."""
        return self.split.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the C classes."""
        return self.split.classes

    @cached_property
    def predicted(self) -> np.ndarray:
        """Class of the largest logit, int64 [N]."""
        return self.logits.argmax(axis=1)

    @cached_property
    def reference_predicted(self) -> np.ndarray | None:
        """The same for the reference model, or None."""
        return None if self.reference_logits is None else self.reference_logits.argmax(axis=1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each example is classified correctly, bool [N]."""
        return self.predicted == self.labels

    @cached_property
    def reference_correct(self) -> np.ndarray | None:
        """The same for the reference model, or None."""
        return None if self.reference_predicted is None else self.reference_predicted == self.labels

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float32 [N, C]."""
        return softmax(self.logits)

    @cached_property
    def confusion(self) -> np.ndarray:
        """Counts int [C, C], labels down, predictions across."""
        count = len(self.classes)
        return np.bincount(self.labels * count + self.predicted, minlength=count**2).reshape(count, count)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Reliability bins of the top class."""
        return reliability(self.probabilities, self.labels)

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """One row per class, see `Audit.per_class`."""
        return class_table(self.confusion, self.labels, self.predicted, self.reference_predicted, self.classes, self.level)

    @cached_property
    def groups(self) -> Fairness | None:
        """Rates of the sensitive groups; None without group columns."""
        table = self.split.groups
        if table is None or table.shape[1] == 0:
            return None
        return class_fairness(self.labels, self.predicted, table, self.classes, self.split.favourable, level=self.level)

    @cached_property
    def favourable_answers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Whether label and prediction are the favourable class, bool [N] each; None where no class is."""
        if self.split.favourable is None and len(self.classes) != 2:
            return None
        good = len(self.classes) - 1 if self.split.favourable is None else self.classes.index(self.split.favourable)
        return self.labels == good, self.predicted == good

    @cached_property
    def chance_gaps(self) -> dict[str, dict[str, np.ndarray]]:
        """Of every group column the largest gaps of the rates over shuffled groups; empty where no class is favourable."""
        if self.favourable_answers is None or self.split.groups is None:
            return {}
        rates = {rate for rates in DIFFERENCES.values() for rate in rates}
        table, answers = self.split.groups, self.favourable_answers
        return {column: shuffled_gaps(*answers, table[column], sorted(rates), seed=self.seed) for column in table.columns}

    @cached_property
    def reference_groups(self) -> Fairness | None:
        """The same for the reference model; None without one."""
        table = self.split.groups
        if self.reference_predicted is None or table is None or table.shape[1] == 0:
            return None
        key = (self.reference_predicted.tobytes(), self.labels.tobytes(), self.classes, self.split.favourable, self.level)
        known = _BEFORE.get(hash(key))
        if known is None or known[0] is not table or known[1] != key:  # a slider audits many networks against one reference
            found = class_fairness(
                self.labels, self.reference_predicted, table, self.classes, self.split.favourable, level=self.level
            )
            while len(_BEFORE) >= KNOWN:
                _BEFORE.pop(next(iter(_BEFORE)), None)
            _BEFORE[hash(key)] = known = (table, key, found)
        return known[2]

    @cached_property
    def group_changes(self) -> pd.DataFrame | None:
        """Accuracy of the sensitive groups before and after, with verdicts; None without groups or a reference."""
        before, groups = self.reference_correct, self.split.groups
        if before is None or groups is None or groups.shape[1] == 0:
            return None
        return group_changes(before, self.correct, groups, level=self.level)

    @cached_property
    def reference_probabilities(self) -> np.ndarray | None:
        """Softmax of the reference model's logits, float32 [N, C], or None."""
        return None if self.reference_logits is None else softmax(self.reference_logits)

    def with_settings(self, settings: Mapping[str, Any]) -> Evidence:
        """Return the same evidence for a measure with these settings; what was computed is shared.

        Parameters
        ----------
        settings : mapping of str to object

        Returns
        -------
        Evidence
        """
        if not settings:
            return self
        other = copy.copy(self)
        object.__setattr__(other, "settings", dict(settings))
        return other

    def lacks(self, needs: tuple[str, ...]) -> list[str]:
        """Return which of a measure's needs are missing.

        Parameters
        ----------
        needs : tuple of str
            As `Measure.needs`.

        Returns
        -------
        list of str
        """
        there = {
            "reference": self.reference_logits is not None,
            "groups": self.split.groups is not None and self.split.groups.shape[1] > 0,
            "model": self.model is not None and (self.reference_logits is None or self.reference is not None),
            "cost": self.cost is not None,
            "probabilities": True,
        }
        return [need for need in needs if not there[need]]
