"""Examples as people hold them in memory: arrays, tensors, tables with names, lists of texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from labkit.words import shortly

CHANNELS = (1, 3, 4)


def as_numpy(values: Any) -> np.ndarray:
    """Return an array of anything array-like: lists, Series, sparse matrices, tensors on any device.

    Parameters
    ----------
    values : array-like

    Returns
    -------
    ndarray
    """
    if hasattr(values, "detach"):  # a torch tensor; torch is not imported for those who have none
        values = values.detach().cpu()
        return (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()
    if hasattr(values, "toarray"):
        return np.asarray(values.toarray())
    if isinstance(values, (pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        return _from_pandas(pd.Series(values))
    return np.asarray(values)


def _from_pandas(series: pd.Series) -> np.ndarray:
    """A column of pandas' own types, which NumPy would keep as objects."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
        series = series.infer_objects()
    if not pd.api.types.is_numeric_dtype(series):
        return series.to_numpy(dtype=object)
    if series.hasnans:
        return series.to_numpy(dtype=float, na_value=np.nan)
    return series.to_numpy() if isinstance(series.dtype, np.dtype) else series.to_numpy(dtype=series.dtype.numpy_dtype)


def as_examples(examples: Any, name: str) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Return the field of a `Split` that holds the examples, and the names of columns if they bring any.

    Parameters
    ----------
    examples : array-like
    name : str
        Name of the data set, for error messages.

    Returns
    -------
    held : dict
        ``images``, ``x`` or ``texts``.
    features : tuple of str or None

    Raises
    ------
    ValueError, TypeError
        If they are neither images, table rows nor texts.
    """
    if isinstance(examples, pd.DataFrame):
        return {"x": _table(examples, name)}, tuple(map(str, examples.columns))
    if _are_texts(examples):
        return {"texts": [str(text) for text in examples]}, None
    array = as_numpy(examples)
    if array.dtype == object:
        array = _numbers(array, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: examples have dtype {array.dtype}; give numbers, uint8 images, or a list of str")
    if array.ndim == 2:
        return {"x": array.astype(np.float32)}, None
    return {"images": _images(array, name)}, None


def _are_texts(examples: Any) -> bool:
    if isinstance(examples, np.ndarray) and examples.ndim != 1:
        return False
    if isinstance(examples, (list, tuple, np.ndarray, pd.Series, pd.Index)) and len(examples):
        return all(isinstance(text, str) for text in examples)
    return False


def _numbers(array: np.ndarray, name: str) -> np.ndarray:
    """Numbers of different types, which NumPy keeps as objects."""
    flat = array.reshape(-1)
    if array.ndim >= 2 and all(isinstance(value, (int, float, np.number, np.bool_)) or value is None for value in flat):
        return array.astype(float)
    raise TypeError(f"{name}: examples have dtype object; give numbers, uint8 images, or a list of str")


def _table(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Numeric columns of a DataFrame; text needs an encoding, which from_csv makes."""
    columns = []
    for place, column in enumerate(frame.columns):
        values = frame.iloc[:, place]
        if values.dtype == object:
            values = pd.to_numeric(values, errors="coerce").where(~values.map(lambda value: isinstance(value, str)), np.nan)
            texts = frame.iloc[:, place].map(lambda value: isinstance(value, str))
            if texts.any():
                raise _text_column(frame.iloc[:, place][texts].iloc[0], column, name)
        elif not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)) or values.dtype.kind == "c":
            raise _text_column(values.iloc[0] if len(values) else values.dtype, column, name)
        columns.append(values.to_numpy(dtype=np.float32, na_value=np.nan))
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0), np.float32)


def _text_column(value: Any, column: Any, name: str) -> TypeError:
    return TypeError(
        f"{name}: column {shortly(str(column))} holds {shortly(value)}, which is no number; encode it (pandas.get_dummies), "
        "leave it out, or "
        "write the table with to_csv and read it with labkit.data.from_csv"
    )


def _images(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim == 1:
        raise ValueError(f"{name}: examples have shape {list(array.shape)}; give [N, D], for a single feature x[:, None]")
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        raise ValueError(f"{name}: examples have shape {list(array.shape)}; give [N, D], [N, H, W] or [N, C, H, W]")
    if array.shape[3] in CHANNELS and array.shape[1] not in CHANNELS:
        raise ValueError(
            f"{name}: images have shape {list(array.shape)}, their channels last; give [N, C, H, W]: images.transpose(0, 3, 1, 2)"
        )
    if array.dtype != np.uint8:
        raise TypeError(f"{name}: images must be uint8 (0 to 255), got {array.dtype}{_to_bytes(array)}")
    return np.ascontiguousarray(array)


def _to_bytes(array: np.ndarray) -> str:
    """What makes uint8 of these values."""
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if array.dtype.kind == "f" and low >= 0 and high <= 1:
        return " from 0 to 1: give (images * 255).round().astype(numpy.uint8)"
    if low >= 0 and high <= 255:
        return f" from {low:g} to {high:g}: give images.round().astype(numpy.uint8)"
    return f" from {low:g} to {high:g}; scale and round them first"
