"""`fairness`: rates of sensitive groups with intervals; values as in fairlearn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from labkit.audit import bands
from labkit.audit.checks import binary, group_frame, same_length
from labkit.data import in_order

DIFFERENCES = {
    "demographic_parity_difference": ("selection_rate",),
    "equalized_odds_difference": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity_difference": ("true_positive_rate",),
    "false_positive_rate_difference": ("false_positive_rate",),
    "accuracy_score_difference": ("accuracy_score",),
}
RATIOS = {
    "demographic_parity_ratio": ("selection_rate",),
    "equalized_odds_ratio": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity_ratio": ("true_positive_rate",),
}
MINIMA = {"accuracy_score_group_min": ("accuracy_score",)}
METRICS = {**DIFFERENCES, **RATIOS, **MINIMA}
FEW = 10
NAMED = 10  # groups that one note names


@dataclass(frozen=True, eq=False)
class Fairness:
    """Group fairness of one set of predictions.

    Attributes
    ----------
    table : DataFrame
        Indexed (group column, metric), metric names as in ``fairlearn.metrics``; columns value, low, high.
    by_group : DataFrame
        Indexed (group column, group): n, n_pos, n_neg and the rates of the group; NaN where undefined.
    parity : DataFrame
        For every difference of `table`: ``expected``, its mean if all groups shared one rate (a largest difference is never
        zero by chance), and ``p``, the probability of at least the observed value under parity.
    undefined : list of (group column, group, rate)
        Groups without positives have no true positive rate, groups without negatives no false positive rate.
    notes : tuple of str
    """

    table: pd.DataFrame
    by_group: pd.DataFrame
    parity: pd.DataFrame
    undefined: list[tuple[str, str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([f"Fairness\n{self.table.round(4)}", *self.notes])


def fairness(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    groups: pd.DataFrame | pd.Series | np.ndarray,
    *,
    level: float = 0.95,
    undefined: Literal["nan_skip", "fairlearn"] = "nan_skip",
    pos_label: int | str | None = None,
    favourable: int | str | None = None,
    seed: int = 0,
) -> Fairness:
    """Compare the groups of every sensitive column: demographic parity, equalized odds, equal opportunity, accuracy.

    Parameters
    ----------
    y_true, y_pred : [N]
        Labels and predictions in {0, 1}; any others need `favourable`, and all other labels then count as negative.
    groups : DataFrame [N, columns], Series [N] or array [N]
        Sensitive features of any type, compared as text; every column is compared separately.
    level : float
        Confidence of the intervals.
    undefined : {"nan_skip", "fairlearn"}
        A group without positives has no true positive rate. "nan_skip" leaves it out and lists it in `.undefined`;
        "fairlearn" counts it as 0, which can lift the equalized odds difference to 1.
    pos_label, favourable : label, optional
        Two names of the favourable label; 1 for labels in {0, 1}.
    seed : int
        Of the draws behind the intervals.

    Returns
    -------
    Fairness
        Intervals hold for the largest of all gaps at once and always contain the value; see `labkit.audit.bands`.

    Raises
    ------
    ValueError
        On no rows, unequal lengths, NaN in a group column, labels outside {0, 1} without `favourable`, a `favourable` that does
        not occur or differs from `pos_label`, or an unknown option.

    Examples
    --------
    >>> f = fairness([1, 1, 0, 0], [1, 1, 1, 0], ["a", "a", "b", "b"])
    >>> float(f.table.loc[("group", "demographic_parity_difference"), "value"])
    0.5
    >>> f.undefined
    [('group', 'a', 'false_positive_rate'), ('group', 'b', 'true_positive_rate')]
    """
    if undefined not in ("nan_skip", "fairlearn"):
        raise ValueError(f"undefined must be 'nan_skip' or 'fairlearn', got {undefined!r}")
    if favourable is not None and pos_label is not None and favourable != pos_label:
        raise ValueError(f"favourable {favourable!r} and pos_label {pos_label!r} are two names of one option; give one of them")
    pos_label = favourable if pos_label is None else pos_label
    frame = group_frame(groups)
    true, predicted = same_length(y_true, y_pred, frame, level)
    true, predicted = binary(true, predicted, pos_label)
    skip = undefined == "nan_skip"
    note = "favourable label: 1; set favourable= to another" if pos_label is None else f"favourable label: {pos_label} (set)"
    return _binary(true, predicted, frame, note, skip, level, seed)


def class_fairness(
    labels: np.ndarray,
    predicted: np.ndarray,
    groups: pd.DataFrame,
    classes: Sequence[str],
    favourable: str | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Fairness:
    """Compare groups by the rates of the favourable class, or by accuracy where there are more than two classes and none is set.

    Parameters
    ----------
    labels, predicted : int [N]
        Indices of `classes`.
    groups : DataFrame [N, columns]
    classes : sequence of str
    favourable : str, optional
        One of the classes; all others count as unfavourable. By default the last of two.
    level : float
    seed : int

    Returns
    -------
    Fairness
        Its first note says which class is favourable, and whether it was set.

    Raises
    ------
    ValueError
        As `fairness`.
    """
    if favourable is None and len(classes) != 2:
        found = accuracy_fairness(labels, predicted, groups, level=level, seed=seed)
        note = f"groups are compared by accuracy alone: none of the {len(classes)} classes is set as favourable (favourable=)"
        return replace(found, notes=(note, *found.notes))
    frame = group_frame(groups)
    true, guess = same_length(labels, predicted, frame, level)
    good = len(classes) - 1 if favourable is None else list(classes).index(favourable)
    note = f"favourable class: {classes[good]}"
    note += ", the last of the classes; set favourable= to another" if favourable is None else " (set)"
    return _binary(true == good, guess == good, frame, note, True, level, seed)


def _binary(
    true: np.ndarray, predicted: np.ndarray, frame: pd.DataFrame, note: str, skip: bool, level: float, seed: int
) -> Fairness:
    """All metrics of every column; true and predicted are bool [N], True for the favourable class."""
    found = _joined([_column(name, frame[name], true, predicted, tuple(METRICS), skip, level, seed) for name in frame.columns])
    return replace(found, notes=(note, *found.notes))


def accuracy_fairness(
    y_true: np.ndarray, y_pred: np.ndarray, groups: pd.DataFrame, *, level: float = 0.95, seed: int = 0
) -> Fairness:
    """Compare groups by accuracy alone, which needs no favourable class: for tasks with more than two."""
    frame = group_frame(groups)
    true, predicted = same_length(y_true, y_pred, frame, level)
    right = true == predicted
    metrics = tuple(name for name, rates in METRICS.items() if rates == ("accuracy_score",))
    return _joined([_column(name, frame[name], np.ones_like(right), right, metrics, True, level, seed) for name in frame.columns])


def _column(
    column: str,
    groups: pd.Series,
    true: np.ndarray,
    predicted: np.ndarray,
    metrics: tuple[str, ...],
    skip: bool,
    level: float,
    seed: int,
) -> Fairness:
    """One sensitive column; true and predicted are bool [N]."""
    needed = {rate for name in metrics for rate in METRICS[name]}
    binary_task = "selection_rate" in needed
    found, unsorted = pd.factorize(groups)
    names = in_order(unsorted)
    codes = pd.Index(names).get_indexer(unsorted)[found]
    counts = np.bincount(codes * 4 + true * 2 + predicted, minlength=4 * len(names)).reshape(-1, 2, 2)
    chosen = {name: pair for name, pair in hits_and_trials(counts).items() if name in needed or binary_task}
    values = _rates(chosen)
    lacking = pd.DataFrame({name: trials == 0 for name, (_, trials) in chosen.items()})
    if skip:
        values = values.mask(lacking)
    rates = {name: bands.Rate(hits[trials > 0], trials[trials > 0]) for name, (hits, trials) in chosen.items()}
    table, parity = _compare(values, rates, metrics, level, np.random.default_rng(seed))
    undefined = [(str(column), str(names[g]), name) for name in sorted(needed) for g in np.flatnonzero(lacking[name])]
    sizes = pd.DataFrame({"n": counts.sum((1, 2))})
    if binary_task:
        sizes = sizes.assign(n_pos=counts[:, 1].sum(1), n_neg=counts[:, 0].sum(1))
    notes = _notes(str(column), names, sizes, sorted(undefined), skip)
    by_group = pd.concat([sizes, values], axis=1)
    by_group.index = pd.MultiIndex.from_product([[column], list(names)], names=["group column", "group"])
    return Fairness(_under(column, table), by_group, _under(column, parity), sorted(undefined), notes)


def hits_and_trials(counts: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return numerator and denominator of every rate, from counts [groups, true, predicted].

    Parameters
    ----------
    counts : int [groups, 2, 2]

    Returns
    -------
    dict of str to (hits, trials)
    """
    hits = counts[:, 1, 1]
    return {
        "selection_rate": (counts[:, :, 1].sum(1), counts.sum((1, 2))),
        "true_positive_rate": (hits, counts[:, 1].sum(1)),
        "false_positive_rate": (counts[:, 0, 1], counts[:, 0].sum(1)),
        "accuracy_score": (hits + counts[:, 0, 0], counts.sum((1, 2))),
        "precision_score": (hits, counts[:, :, 1].sum(1)),
    }


def _rates(hits_and_trials: dict[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Rates [groups, names] as fairlearn computes them; one without trials is 0."""
    return pd.DataFrame({name: hits / np.maximum(trials, 1) for name, (hits, trials) in hits_and_trials.items()}, dtype=float)


def _compare(
    values: pd.DataFrame, rates: dict[str, bands.Rate], metrics: tuple[str, ...], level: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table and the chance levels of one column; NaN values are left out, all NaN stays NaN."""
    table, parity = {}, {}
    for metric in metrics:
        names = list(METRICS[metric])
        lowest, highest = values[names].min(), values[names].max()
        kept = [rates[name] for name in names]
        if metric in DIFFERENCES:
            value = float((highest - lowest).max())
            limits = bands.difference_interval(value, kept, level, rng)
            parity[metric] = bands.chance_level(value, kept, rng)
        elif metric in RATIOS:
            value = float((lowest / highest).min())
            limits = bands.ratio_interval(value, kept, level, rng)
        else:
            value, limits = float(lowest.min()), bands.minimum_interval(kept[0], level)
        table[metric] = (value, *limits)
    return (
        pd.DataFrame.from_dict(table, orient="index", columns=["value", "low", "high"]),
        pd.DataFrame.from_dict(parity, orient="index", columns=["expected", "p"]),
    )


def _notes(
    column: str, names: list[str], sizes: pd.DataFrame, undefined: list[tuple[str, str, str]], skip: bool
) -> tuple[str, ...]:
    if len(names) == 1:
        return (f"{column}: every row is in group {names[0]!r}; there is no other to compare it with",)
    treatment = "left out" if skip else "counted as 0, as fairlearn does"
    notes = []
    for rate in dict.fromkeys(rate for _, _, rate in undefined):
        lacking = [group for _, group, of in undefined if of == rate]
        whose = f"group {lacking[0]!r}" if len(lacking) == 1 else f"{len(lacking):,} of {len(names):,} groups ({_some(lacking)})"
        notes.append(f"{column}: {rate} of {whose} is undefined and {treatment}")
    few = [names[g] for g in np.flatnonzero(sizes["n_pos"] < FEW)] if "n_pos" in sizes else []
    if few:
        notes.append(f"{column}: fewer than {FEW} positive examples in {_some(few)}; interpret their rates with care")
    return tuple(notes)


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + rest


def _under(column: str, table: pd.DataFrame) -> pd.DataFrame:
    table.index = pd.MultiIndex.from_product([[column], table.index], names=["group column", "metric"])
    return table


def _joined(parts: list[Fairness]) -> Fairness:
    return Fairness(
        table=pd.concat([part.table for part in parts]),
        by_group=pd.concat([part.by_group for part in parts]),
        parity=pd.concat([part.parity for part in parts]),
        undefined=[entry for part in parts for entry in part.undefined],
        notes=tuple(note for part in parts for note in part.notes),
    )
