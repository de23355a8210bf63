"""Fixed-seed division into train, validation and test, with every class in the same share in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labkit.data.checks import checked
from labkit.data.split import Dataset, Split


def stratified_parts(labels: np.ndarray, shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Divide rows into ``len(shares) + 1`` parts; part i gets `shares[i]` of every class, the last part the rest.

    Parameters
    ----------
    labels : int array [N]
    shares : sequence of float
        Fractions of each class, together less than 1.
    seed : int

    Returns
    -------
    list of int arrays
        Row numbers, ascending within a part, so that files keep their order.
    """
    generator = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(shares) + 1)]
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        cuts = np.round(np.cumsum(shares) * len(rows)).astype(int)
        for part, piece in zip(parts, np.split(rows, cuts), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]


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
    source: str = "the user's own files",
) -> Dataset:
    """Make a `Dataset` of `whole`, cutting off whichever of validation and test is not given.

    Raises
    ------
    ValueError
        When a share is outside (0, 1), the shares leave nothing to train on, or a part comes out empty.
    """
    shares = {"validation_share": validation_share, "test_share": test_share}
    for key, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{key} must lie between 0 and 1, got {share}")
    if validation_share + test_share >= 1 and test is None and validation is None:
        raise ValueError(f"validation_share {validation_share} + test_share {test_share} leave nothing to train on")
    train = whole
    if test is None:
        rest, held = stratified_parts(train.labels, [1 - test_share], seed)
        # the validation share is of the whole, not of what is left
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
