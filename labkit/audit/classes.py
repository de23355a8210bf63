"""`class_bias`: which classes a compressed model changed, beyond what chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from labkit.audit.mcnemar import mcnemar_p, paired_interval
from labkit.audit.seeds import welch_by_class
from labkit.audit.verdicts import HARM, with_verdicts

ONE_RUN = "McNemar's test compares these two networks on these examples, not the training procedures behind them"


def class_bias(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    labels: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    normalise: Literal["difference", "ratio", "none"] = "difference",
    level: float = 0.05,
    harm: float = HARM,
) -> pd.DataFrame:
    """Test every class for a change of accuracy from model a (the reference) to model b (the candidate).

    Parameters
    ----------
    correct_a, correct_b : bool [N] each, or bool [seeds, N] each
        Whether an example is classified correctly. One run each: McNemar's exact test on the shared examples. Several runs:
        Welch's t-test on class accuracies, and the paired t-test where run i of both belongs together.
    labels : int [N]
        True classes, 0 to C - 1.
    classes : C names, optional
    normalise : {"difference", "ratio", "none"}
        How the overall accuracy of a run is removed from its class accuracies before the t-tests, so that a uniform loss
        affects no class. McNemar's test does not normalise.
    level : float
        Significance level; intervals have confidence ``1 - level``.
    harm : float
        Loss that counts as harm, 0.02 for 2 percentage points.

    Returns
    -------
    DataFrame, one row per class
        ``examples``; ``change`` = accuracy(b) - accuracy(a) with limits ``low`` and ``high`` (Agresti-Min for one run, Welch
        for several); ``p``; ``q`` (Benjamini-Hochberg over the classes that have examples); ``affected`` = q < level;
        ``null_count``, how many classes would have p < level if nothing had changed: (tested classes) x level, at most;
        ``verdict``, "harmed", "unharmed" or "cannot tell", and ``needed``, about how many examples would tell (NaN for several
        runs, which more examples need not help), see `labkit.audit.verdicts`.
        One run: ``n01``, ``n10`` = examples that only a or only b classifies correctly. Several: ``relative_change`` (what the
        tests use),
        ``p_paired`` (NaN for unequal numbers of runs), ``degenerate`` (a change without spread between runs, for which the
        t-test is undefined: its p is set to 1). A class without examples is NaN. ``.attrs["notes"]`` states what the test
        can show.

    Raises
    ------
    ValueError
        On shapes that do not fit, no examples, labels outside the classes, one seed as [1, N], or an unknown option.
    TypeError
        When `correct_a` or `correct_b` is neither bool nor 0 and 1.

    References
    ----------
    "What is left after distillation?", TMLR 03/2025 (Welch on relative class accuracies); Hooker et al. (2019).

    Examples
    --------
    >>> labels = np.repeat([0, 1], 20)
    >>> reference = np.ones(40, bool)
    >>> candidate = (np.arange(40) % 20 >= 8) | (labels == 1)
    >>> class_bias(reference, candidate, labels)[["change", "p", "affected"]].round(4).values.tolist()
    [[-0.4, 0.0078, True], [0.0, 1.0, False]]
    """
    if normalise not in ("difference", "ratio", "none"):
        raise ValueError(f"normalise must be 'difference', 'ratio' or 'none', got {normalise!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    a, b, labels, names = _checked(correct_a, correct_b, labels, classes)
    if a.ndim == 1:
        frame = mcnemar_by_class(a, b, labels, len(names), level)
        notes = [ONE_RUN]
    else:
        frame = welch_by_class(a, b, labels, len(names), normalise, level)
        notes = [f"{len(a)} against {len(b)} runs on one test set: the test generalises over training runs, not over images"]
    frame.insert(0, "examples", np.bincount(labels, minlength=len(names)))
    frame.index = pd.Index(names, name="class")
    return with_verdicts(_with_multiplicity(frame, level, notes), harm=harm, level=1 - level)


def mcnemar_by_class(a: np.ndarray, b: np.ndarray, labels: np.ndarray, classes: int, level: float) -> pd.DataFrame:
    """Return change, low, high, n01, n10, p, one row per class; bool [N] each; NaN for a class without examples."""
    examples = np.bincount(labels, minlength=classes)
    n01 = np.bincount(labels[a & ~b], minlength=classes)
    n10 = np.bincount(labels[b & ~a], minlength=classes)
    low, high = paired_interval(n01, n10, examples, 1 - level)
    there = np.where(examples > 0, examples, np.nan)
    p = np.where(examples > 0, mcnemar_p(n01, n10), np.nan)
    return pd.DataFrame({"change": (n10 - n01) / there, "low": low, "high": high, "n01": n01, "n10": n10, "p": p})


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return q-values of the p-values that are numbers; a NaN stays NaN and counts as no test.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    tested = np.flatnonzero(~np.isnan(p))
    q = np.full(len(p), np.nan)
    order = tested[np.argsort(p[tested])]
    # as scipy.stats.false_discovery_control, which takes a second to import
    scaled = p[order] * (len(order) / np.arange(1, len(order) + 1))
    q[order] = np.clip(np.minimum.accumulate(scaled[::-1])[::-1], 0, 1)
    return q


def _with_multiplicity(frame: pd.DataFrame, level: float, notes: list[str]) -> pd.DataFrame:
    tested = int(frame["p"].notna().sum())
    frame["q"] = benjamini_hochberg(frame["p"].to_numpy())
    frame["affected"] = frame["q"] < level
    frame["null_count"] = tested * level
    notes.append(
        f"{tested} classes tested at {level:g}: up to {tested * level:.3g} would fall below it by chance; q corrects for that"
    )
    frame.attrs["notes"] = notes
    return frame


def _checked(
    correct_a: np.ndarray, correct_b: np.ndarray, labels: np.ndarray, classes: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
    a, b, labels = _as_bool(correct_a, "correct_a"), _as_bool(correct_b, "correct_b"), np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"labels must be int [N] from 0 with N > 0, got {labels.dtype} of shape {list(labels.shape)}")
    if a.ndim != b.ndim or a.ndim not in (1, 2) or a.shape[-1] != len(labels) or b.shape[-1] != len(labels):
        raise ValueError(
            f"correct_a {list(a.shape)} and correct_b {list(b.shape)} must both be [N] or both [seeds, N], N = {len(labels)} labels"
        )
    if a.ndim == 2 and min(len(a), len(b)) < 2:
        raise ValueError(f"a t-test needs 2 runs or more a side, got {len(a)} and {len(b)}; give bool [N] for single networks")
    names = list(range(int(labels.max()) + 1)) if classes is None else list(classes)
    if labels.max() >= len(names):
        raise ValueError(f"label {labels.max()} is outside the {len(names)} classes (0 to {len(names) - 1})")
    return a, b, labels.astype(np.int64), names


def _as_bool(correct: np.ndarray, name: str) -> np.ndarray:
    correct = np.asarray(correct)
    if correct.dtype != bool and not (correct.dtype.kind in "iu" and np.isin(correct, (0, 1)).all()):
        raise TypeError(f"{name} must be bool (right or wrong), got {correct.dtype}; give predicted == labels")
    return correct.astype(bool)
