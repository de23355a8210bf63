"""Stratified split into train, validation and test with a fixed seed."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from labkit.data.checks import checked
from labkit.data.split import Dataset, Split
from labkit.seeds import checked_seed
from labkit.words import shortly


def stratified_parts(labels: np.ndarray, shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Split rows into ``len(shares) + 1`` parts; part i gets `shares[i]` of every class, the last part the rest.

    Parameters
    ----------
    labels : int array [N]
        Class indices.
    shares : sequence of float
        Fractions of each class, with a sum below 1.
    seed : int
        Determines the split.

    Returns
    -------
    list of int arrays
        Row indices, ascending within a part.
    """
    generator = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(shares) + 1)]
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        cuts = np.round(np.cumsum(shares) * len(rows)).astype(int)
        for part, piece in zip(parts, np.split(rows, cuts), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]


def training_rows(labels: np.ndarray, *, validation_share: float, test_share: float, seed: int) -> np.ndarray:
    """Return the rows that `partition` will take for training, so that encodings are learnt from them alone.

    Parameters
    ----------
    labels : int array [N]
    validation_share, test_share : float
    seed : int

    Returns
    -------
    int array
        Ascending.

    Raises
    ------
    ValueError
        If a share is outside (0, 1), no training data is left, or the seed is negative.
    """
    check_shares(validation_share, test_share, seed)
    rest, _ = stratified_parts(labels, [1 - test_share], seed)
    train, _ = stratified_parts(labels[rest], [1 - validation_share / (1 - test_share)], seed + 1)
    return rest[train]


def check_shares(validation_share: Any, test_share: Any, seed: Any, *, whole: bool = True) -> None:
    """Refuse fractions and seeds by which nothing can be divided.

    Parameters
    ----------
    validation_share, test_share : float
    seed : int
    whole : bool
        Whether both parts are taken from the same rows.

    Raises
    ------
    ValueError
        If a fraction is outside (0, 1), no training data is left, or the seed is negative.
    TypeError
        If they are no numbers.
    """
    for key, share in {"validation_share": validation_share, "test_share": test_share}.items():
        if isinstance(share, bool) or not isinstance(share, Real):
            raise TypeError(f"{key} must be a number between 0 and 1, got {shortly(share)}")
        if not 0 < share < 1:  # type: ignore[operator]
            raise ValueError(f"{key} must lie between 0 and 1, got {shortly(share)}")
    if validation_share + test_share >= 1 and whole:
        raise ValueError(f"validation_share {validation_share} + test_share {test_share} leave no training data")
    checked_seed(seed)


def partition(
    whole: Split,
    *,
    name: str,
    test: Split | None = None,
    validation: Split | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
    target: str = "class",
    source: str = "user files",
) -> Dataset:
    """Make a `Dataset` from one split, splitting off validation and test unless they are given.

    Parameters
    ----------
    whole : Split
        All examples, or those for training (and validation).
    name : str
        Name of the data set.
    test, validation : Split, optional
        Existing parts.
    validation_share, test_share : float
        Fractions of the rows for validation and test.
    seed : int
        Determines which rows go to which part.
    target : str
        What a label means.
    source : str
        Origin and licence of the data.

    Returns
    -------
    Dataset
        Validated parts.

    Raises
    ------
    ValueError
        If a share is outside (0, 1), no training data is left, the seed is negative, or a part is empty.
    """
    check_shares(validation_share, test_share, seed, whole=test is None and validation is None)
    train = whole
    if test is None:
        rest, held = stratified_parts(train.labels, [1 - test_share], seed)
        # validation_share is a fraction of the whole, not of the remainder
        validation_share = validation_share / (1 - test_share)
        train, test = train.subset(rest), train.subset(held)
    if validation is None:
        rest, held = stratified_parts(train.labels, [1 - validation_share], seed + 1)
        train, validation = train.subset(rest), train.subset(held)
    return Dataset(
        name=name,
        train=checked(train, f"{name}, train"),
        validation=checked(validation, f"{name}, validation"),
        test=checked(test, f"{name}, test"),
        target=target,
        source=source,
    )
