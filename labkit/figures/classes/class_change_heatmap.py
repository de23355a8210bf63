"""Change in the accuracy of each class, for many runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.heatmap import cells, full_colour, saturation
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, short, signed, two_lines

MOST_TEXT = 16


def class_change_heatmap(change: pd.DataFrame, affected: pd.DataFrame | None = None, *, theme: Theme = "light") -> go.Figure:
    """Draw the change in accuracy of every class in every run, in percentage points: blue better, orange worse.

    Parameters
    ----------
    change : DataFrame [runs, classes]
        Fractions; the index labels the runs, the first on top. Cells of NaN stay empty.
    affected : DataFrame of bool [runs, classes], optional
        Same index and columns; the numbers in these cells are followed by ``*``.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When `change` is empty, or `affected` has another index or other columns.

    Notes
    -----
    Beyond 16 classes the numbers would not fit into the cells and appear in the hover text only.
    """
    if change.empty:
        raise ValueError("class_change_heatmap got no rows or no classes; give at least one run with one class")
    marks = pd.DataFrame(False, index=change.index, columns=change.columns) if affected is None else affected
    if not (marks.index.equals(change.index) and marks.columns.equals(change.columns)):
        raise ValueError("affected must have the index and columns of change; reindex it")
    points = change.to_numpy(float) * PERCENT
    marked = marks.fillna(False).to_numpy(bool)
    limit = saturation(points)
    rows, columns = [str(name) for name in change.index], [str(name) for name in change.columns]
    colours = shades(theme)
    figure = go.Figure(
        cells(
            points,
            rows=rows,
            columns=columns,
            text=_texts(points, marked),
            hover=_sentences(points, marked, rows, columns),
            limit=limit,
            scale=colours.diverging,
            title="change in accuracy (pp)<br>" + ", ".join(_legend(points, marked, limit)),
            colours=colours,
        )
    )
    figure.update_layout(
        template=template(theme),
        height=190 + 34 * len(rows),
        uirevision="class_change_heatmap",
        xaxis={"type": "category", "showgrid": False, "tickvals": columns, "ticktext": [short(c, 14) for c in columns]},
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "showgrid": False,
            "tickvals": rows,
            "ticktext": [two_lines(row) for row in rows],
            "tickfont": {"size": 12},
        },
    )
    return figure


def _legend(points: np.ndarray, marked: np.ndarray, limit: float) -> list[str]:
    """Return the second line of the title of the colour bar; short, for 420 px."""
    return [text for text in (full_colour(points, limit), "* affected" if marked.any() else "") if text]


def _texts(points: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Return the texts of the cells; integers from ten up, where a decimal would make the text too small."""
    if points.shape[1] > MOST_TEXT:
        return np.full(points.shape, "", dtype=object)
    write = np.vectorize(lambda p, mark: signed(p, 0 if abs(p) >= 9.95 else 1) + "*" * bool(mark), otypes=[object])
    return write(points, marked)


def _sentences(points: np.ndarray, marked: np.ndarray, rows: list[str], columns: list[str]) -> np.ndarray:
    return np.array(
        [
            [
                f"<b>{row}</b><br>{column}: "
                + ("not measured" if np.isnan(point) else f"{signed(point)} pp, {'affected' if mark else 'not marked as affected'}")
                for column, point, mark in zip(columns, points[i], marked[i], strict=True)
            ]
            for i, row in enumerate(rows)
        ],
        dtype=object,
    )
