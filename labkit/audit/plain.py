"""Plain Python values for strict JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd


def plain(value: Any) -> Any:
    """Turn arrays, tables and NumPy scalars into lists, dicts and numbers; NaN and infinity, which JSON lacks, into None.

    A table becomes a list of rows, its index among the columns.

    Examples
    --------
    >>> plain({"a": np.float32("nan"), "b": (np.int64(2), True)})
    {'a': None, 'b': [2, True]}
    """
    if isinstance(value, pd.DataFrame):
        return plain(value.reset_index().to_dict("records"))
    if isinstance(value, pd.Series):
        return plain(value.to_dict())
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype.kind in "biu" else plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
