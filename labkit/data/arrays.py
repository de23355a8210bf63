"""A `Dataset` from arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.data.checks import checked
from labkit.data.favourable import favourable_class
from labkit.data.partition import partition
from labkit.data.sensitive import as_group_text
from labkit.data.split import Dataset, Split


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
    examples : uint8 [N, H, W] or [N, C, H, W], floating or integer [N, D], or a sequence of N str
        Images, table rows, or texts. Anything that NumPy converts, including CPU torch tensors.
    labels : int array [N]
        Class indices from 0.
    classes : sequence of str, optional
        Class names; ``"0"``, ``"1"``, … up to the largest label by default.
    groups : DataFrame with N rows, optional
        Sensitive features.
    features : sequence of D str, optional
        Column names of a table.
    name : str
        Name of the data set.
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
        If shapes, dtypes or lengths do not match, a label is out of range, a value is NaN, or a part would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> ds = from_arrays(np.zeros((10, 3)), np.arange(10) % 2, classes=["no", "yes"])
    >>> ds
    Dataset('arrays': train 6, validation 2, test 2; 2 classes)
    """
    labels = _as_labels(labels, name)
    if classes is None:
        classes = [str(i) for i in range(int(labels.max(initial=-1)) + 1)]
    held = _as_examples(examples, name)
    columns: tuple[str, ...] = ()
    if "x" in held:
        columns = tuple(features) if features is not None else tuple(f"feature {i}" for i in range(held["x"].shape[1]))
        if len(columns) != held["x"].shape[1]:
            raise ValueError(f"{name}: {held['x'].shape[1]} columns but {len(columns)} feature names; give one per column")
    groups = None if groups is None else as_group_text(groups).reset_index(drop=True)
    names = tuple(map(str, classes))
    good = favourable_class(favourable, names, name)
    whole = checked(Split(labels, names, groups=groups, features=columns, favourable=good, **held), name)
    return partition(whole, name=name, validation_share=validation_share, test_share=test_share, seed=seed)


def _as_labels(labels: np.ndarray, name: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype == bool or np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.int64)
    raise TypeError(
        f"{name}: labels must be integer class indices, got dtype {labels.dtype}; use np.unique(…, return_inverse=True)"
    )


def _as_examples(examples: np.ndarray | Sequence[str], name: str) -> dict:
    if isinstance(examples, (list, tuple)) and examples and isinstance(examples[0], str):
        return {"texts": list(examples)}
    array = np.asarray(examples)
    if array.dtype == object or array.dtype.kind in "USc":
        raise TypeError(f"{name}: examples have dtype {array.dtype}; give numbers, uint8 images, or a list of str")
    if array.ndim == 2:
        return {"x": array.astype(np.float32)}
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        raise ValueError(f"{name}: examples have shape {list(array.shape)}; give [N, D], [N, H, W] or [N, C, H, W]")
    if array.dtype != np.uint8:
        raise TypeError(f"{name}: images must be uint8 (0 to 255), got {array.dtype}; scale and round them first")
    return {"images": np.ascontiguousarray(array)}
