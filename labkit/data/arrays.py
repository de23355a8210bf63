"""A `Dataset` from arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.data.checks import checked
from labkit.data.favourable import favourable_class
from labkit.data.given_arrays import as_examples, joined_notes
from labkit.data.given_labels import as_labels, feature_names, refuse_twice
from labkit.data.limits import MAX_GROUPS, as_name
from labkit.data.partition import check_shares, partition
from labkit.data.sensitive import as_group_text
from labkit.data.split import Dataset, Split
from labkit.words import shortly


def from_arrays(
    examples: np.ndarray | Sequence[str],
    labels: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    groups: pd.DataFrame | None = None,
    favourable: str | None = None,
    features: Sequence[str] | None = None,
    name: str = "arrays",
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Make a `Dataset` from arrays in memory, with a stratified split.

    Parameters
    ----------
    examples : uint8 [N, H, W] or [N, C, H, W], floating or integer [N, D], DataFrame [N, D] of numbers, or a sequence of N str
        Images, table rows, or texts. Anything that NumPy converts, and torch tensors.
    labels : array [N], [N, 1] or one-hot [N, C]
        Class indices from 0, as integers or whole floating-point numbers; or names of classes.
    classes : sequence, optional
        Class names, taken as text; by default ``"0"``, ``"1"``, … up to the largest label, or the names in `labels`, sorted.
    groups : DataFrame with N rows, optional
        Sensitive features of any type, taken as text.
    favourable : str, optional
        The class that people want, whose rates are compared between groups; by default the last of two.
    features : sequence of D str, optional
        Column names of a table; those of a DataFrame by default.
    name : str
        Name of the data set, of at most `labkit.data.limits.MAX_NAME` characters, without line breaks.
    validation_share, test_share : float
        Fractions of the rows for validation and test.
    seed : int
        Determines which rows go to which part.

    Returns
    -------
    Dataset
        Train, validation and test parts.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or lengths do not match, a label is out of range, a value is NaN, labels are a quantity or mark several
        classes, values are masked, two features or classes have one name, images have their channels last, the favourable class is
        unknown, there is more than `labkit.data.limits` allow, or a part would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> ds = from_arrays(np.zeros((10, 3)), np.arange(10) % 2, classes=["no", "yes"])
    >>> ds
    Dataset('arrays': train 6, validation 2, test 2; 2 classes)
    """
    name = as_name(name)
    check_shares(validation_share, test_share, seed)
    held, names = as_examples(examples, name)
    rows = len(next(iter(held.values())))
    labels, classes, notes = as_labels(labels, classes, rows, name)
    columns: tuple[str, ...] = ()
    if "x" in held:
        given = feature_names(features, name) if features is not None else names
        columns = given if given is not None else tuple(f"feature {i}" for i in range(held["x"].shape[1]))
        if len(columns) != held["x"].shape[1]:
            raise ValueError(f"{name}: {held['x'].shape[1]} columns but {len(columns)} feature names; give one per column")
        refuse_twice(columns, "feature", name)
        notes += joined_notes(examples, held["x"], columns)
    groups = None if groups is None else as_group_text(groups).reset_index(drop=True)
    if groups is not None:
        for column in groups:
            many = groups[column].nunique()
            if many > MAX_GROUPS:
                raise ValueError(
                    f"{name}: group column {shortly(column)} holds {many:,} different groups, and at most {MAX_GROUPS:,} are "
                    "allowed; cut it into fewer, or leave it out"
                )
    good = favourable_class(favourable, classes, name)
    whole = checked(Split(labels, classes, groups=groups, features=columns, favourable=good, notes=notes, **held), name)
    return partition(whole, name=name, validation_share=validation_share, test_share=test_share, seed=seed)
