"""Examples as people hold them in memory: arrays, tensors, tables with names, lists of texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from labkit.data.limits import refuse_bytes
from labkit.data.paths import is_text
from labkit.words import shortly

CHANNELS = (1, 3, 4)


def as_numpy(values: Any, what: str = "the array") -> np.ndarray:
    """Return an array of anything array-like: lists, Series, sparse matrices, tensors on any device.

    Parameters
    ----------
    values : array-like
    what : str
        What they are, for error messages.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If values are masked, or they would take more memory than is allowed.
    TypeError
        If NumPy cannot hold them.
    """
    refuse_masked(values, what)
    shape = getattr(values, "shape", ())
    if isinstance(shape, tuple) and all(isinstance(side, (int, np.integer)) for side in shape):  # sparse, or a view of one value
        number = 4 * math.prod(map(int, shape))
        refuse_bytes(number, f"{' x '.join(map(str, shape))} values", what, "give fewer of them")
    try:
        return _converted(values)
    except Exception as error:  # of lists of different lengths, of tensors that are quantised, sparse or without values, …
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise TypeError(f"{what} cannot become a NumPy array ({reason}); give an array of numbers or a list of text") from error


def refuse_masked(values: Any, what: str) -> None:
    """Refuse masked values: what lies behind a mask is no data, and NumPy forgets masks.

    Parameters
    ----------
    values : array-like, or a list of them
    what : str
        What they are, for the error message.

    Raises
    ------
    ValueError
        If any value is masked.
    """
    held = values if isinstance(values, (list, tuple)) else [values]
    masked = sum(int(np.ma.count_masked(each)) for each in held if isinstance(each, np.ma.MaskedArray))
    if masked:
        raise ValueError(f"{what}: {masked:,} values are masked; fill them (filled(…)) or leave their rows out (compressed())")


def _converted(values: Any) -> np.ndarray:
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
        return {"x": as_float32(_table(examples, name), tuple(map(str, examples.columns)), name)}, tuple(map(str, examples.columns))
    refuse_masked(examples, name)
    if _are_texts(examples):
        texts = [str(text) for text in examples]
        odd = next((row for row, text in enumerate(texts) if not is_text(text)), None)
        if odd is not None:
            raise ValueError(f"{name}, row {odd}: {shortly(texts[odd])} holds half a character, which UTF-8 cannot; correct it")
        return {"texts": texts}, None
    array = as_numpy(examples, name)
    if array.dtype == object:
        array = _numbers(array, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: examples have dtype {array.dtype}; give numbers, uint8 images, or a list of str")
    if array.ndim == 2:
        return {"x": as_float32(array, (), name)}, None
    return {"images": _images(array, name)}, None


def as_float32(array: np.ndarray, features: tuple[str, ...], name: str) -> np.ndarray:
    """Return table rows in 32 bits, which every value must fit.

    Parameters
    ----------
    array : array [N, D]
    features : tuple of str
        Column names, if there are any.
    name : str
        Name of the data set, for error messages.

    Returns
    -------
    float32 array [N, D]

    Raises
    ------
    ValueError
        If a finite value becomes infinite.
    """
    with np.errstate(over="ignore"):
        small = array.astype(np.float32)
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 4
    lost = np.argwhere(np.isinf(small) & ~np.isinf(array)) if wide else np.empty((0, 2), dtype=int)
    if len(lost):
        row, column = lost[0]
        feature = shortly(features[column]) if features else column
        raise ValueError(
            f"{name}, row {row}: feature {feature} is {array[row, column]:g}, infinite in 32 bits; correct the {len(lost)} such "
            "value(s), or take their logarithm"
        )
    return small


def joined_notes(examples: Any, small: np.ndarray, features: tuple[str, ...]) -> tuple[str, ...]:
    """Say in which columns different numbers above 2^24 become equal, because features have 32 bits.

    Parameters
    ----------
    examples : array-like [N, D]
        As they were given.
    small : float32 array [N, D]
        As they are kept.
    features : tuple of D str

    Returns
    -------
    tuple of str
    """
    notes = []
    for place in np.flatnonzero((np.abs(small) >= 2**24).any(axis=0) if len(small) else []).tolist():
        column = examples.iloc[:, place] if isinstance(examples, pd.DataFrame) else as_numpy(examples)[:, place]
        values, kept = pd.Series(column).nunique(), len(np.unique(small[:, place]))
        if kept < values:
            notes.append(
                f"feature {shortly(features[place])}: {values:,} different numbers become {kept:,} in 32 bits; if they are "
                "identifiers, leave them out; if they are quantities, subtract their smallest first"
            )
    return tuple(notes)


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
        try:
            return array.astype(float)
        except (OverflowError, TypeError, ValueError) as error:  # an integer of 400 digits, a complex number
            raise TypeError(f"{name}: examples hold a value that is no number of 64 bits ({str(error)[:200]})") from error
    raise TypeError(f"{name}: examples have dtype object; give numbers, uint8 images, or a list of str")


def _table(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Numeric columns of a DataFrame, as float64; text needs an encoding, which from_csv makes."""
    refuse_bytes(
        4 * frame.shape[0] * frame.shape[1], f"{frame.shape[0]:,} rows of {frame.shape[1]:,} columns", name, "leave some out"
    )
    columns = []
    for place, column in enumerate(frame.columns):
        values = frame.iloc[:, place]
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
            columns.append(values.to_numpy())
            continue
        if values.dtype == object:
            texts = values.map(lambda value: isinstance(value, str)).to_numpy(bool)
            if texts.any():
                raise _text_column(values[texts].iloc[0], column, name)
        elif not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)) or values.dtype.kind == "c":
            raise _text_column(values.iloc[0] if len(values) else values.dtype, column, name)
        try:
            columns.append(values.to_numpy(dtype=np.float64, na_value=np.nan))
        except (TypeError, ValueError, OverflowError, AttributeError):
            odd = next(
                (value for value in values.tolist() if not isinstance(value, (int, float)) or abs(value) > 1e308), values.iloc[0]
            )
            raise _text_column(odd, column, name) from None
    kinds = {column.dtype for column in columns} or {np.dtype(np.float32)}
    narrow = all(dtype.itemsize <= 4 and dtype.kind == "f" for dtype in kinds)
    table = np.empty(frame.shape, np.float32 if narrow else np.float64)
    for place, values in enumerate(columns):
        table[:, place] = values
    return table


def _text_column(value: Any, column: Any, name: str) -> TypeError:
    return TypeError(
        f"{name}: column {shortly(str(column))} holds {shortly(value)}, which is no number; encode it "
        "(pandas.get_dummies), "
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
