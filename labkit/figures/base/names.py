"""Names from outside in figures: Plotly takes <b> in a text for HTML, and %{x} in a hover text for a place to fill."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import plotly.graph_objects as go

P = ParamSpec("P")
T = TypeVar("T")

INVISIBLE = "\u200b"  # of no width
_MARKS = re.compile(r"[<&](?!\u200b)|%(?={)")
_outer: ContextVar[bool] = ContextVar("a figure that contains others", default=False)


def shows_names(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorate a figure: whatever text it is given is shown as it is, and no mark-up, link or template comes of it.

    Something of no width is put behind every sign that would begin mark-up, in all texts that the function is given: values, index
    and columns of tables, strings, lists and dicts. The customdata of the figure, by which a page knows what was clicked, has the
    names as they were. Figures within figures are left to the outermost one, which may add mark-up of its own.

    Parameters
    ----------
    draw : callable
        Returns a Plotly figure.

    Returns
    -------
    callable
        With the same arguments.
    """

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        if _outer.get():
            return draw(*args, **kwargs)
        token = _outer.set(True)
        try:
            figure = draw(*(_shown(value) for value in args), **{name: _shown(value) for name, value in kwargs.items()})
        finally:
            _outer.reset(token)
        for trace in figure.data if isinstance(figure, go.Figure) else ():
            if _has_texts(trace.customdata):
                trace.customdata = _as_given(trace.customdata)
        return figure

    return drawn


def _shown(value: Any) -> Any:
    """Return a value whose texts are shown as they are; the same object where none needs a change."""
    if isinstance(value, str):
        return _MARKS.sub(lambda found: found[0] + INVISIBLE, value)
    if isinstance(value, pd.DataFrame):
        return _frame(value)
    if isinstance(value, pd.Series):
        texts = _series(value)
        index, name = _index(value.index), _shown(value.name)
        return value if texts is value and index is value.index and name == value.name else texts.set_axis(index).rename(name)
    if isinstance(value, pd.Index):
        return _index(value)
    if isinstance(value, dict):
        return {_shown(key): _shown(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_shown(part) for part in value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        return np.array([_shown(part) for part in value.ravel().tolist()], dtype=object).reshape(value.shape)
    return value


def _frame(frame: pd.DataFrame) -> pd.DataFrame:
    changed = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        texts = _series(column)
        if texts is not column:
            changed[place] = texts
    index, columns = _index(frame.index), _index(frame.columns)
    if not changed and index is frame.index and columns is frame.columns:
        return frame
    parts = [changed.get(place, frame.iloc[:, place]) for place in range(frame.shape[1])]
    made = pd.concat(parts, axis=1) if parts else frame.copy()
    made.index, made.columns = index, columns
    return made


def _series(series: pd.Series) -> pd.Series:
    if series.dtype.kind != "O" and not isinstance(series.dtype, (pd.StringDtype, pd.CategoricalDtype)):
        return series
    if isinstance(series.dtype, pd.CategoricalDtype):
        names = _index(series.cat.categories)
        return series if names is series.cat.categories else series.cat.rename_categories(list(names))
    return series.map(_shown) if any(_needs(value) for value in series) else series


def _index(index: pd.Index) -> pd.Index:
    if isinstance(index, pd.MultiIndex):
        levels = [_index(level) for level in index.levels]
        return index if all(new is old for new, old in zip(levels, index.levels, strict=True)) else index.set_levels(levels)
    return index.map(_shown) if any(_needs(value) for value in index) else index


def _needs(value: Any) -> bool:
    return isinstance(value, str) and _MARKS.search(value) is not None


def _has_texts(values: Any) -> bool:
    return values is not None and not (isinstance(values, np.ndarray) and values.dtype.kind in "fiub")


def _as_given(value: Any) -> Any:
    """Return what a figure was given, out of what it shows."""
    if isinstance(value, str):
        return re.sub(f"(?<=[<&%]){INVISIBLE}", "", value)
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return [_as_given(part) for part in value] if isinstance(value, (list, tuple)) else value
