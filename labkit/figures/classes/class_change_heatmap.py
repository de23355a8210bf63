"""Change in the accuracy of each class, for many runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.heatmap import cells, full_colour, saturation
from labkit.figures.base.largest import largest, left_out
from labkit.figures.base.names import shows_names
from labkit.figures.base.outcomes import UNKNOWN, VERDICTS
from labkit.figures.base.selection import frame_row
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, short, signed, two_lines

MOST_TEXT = 16


@shows_names
def class_change_heatmap(
    change: pd.DataFrame,
    affected: pd.DataFrame | None = None,
    *,
    verdicts: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
    selected: str | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Draw the change in accuracy of every class in every run, in percentage points: blue better, orange worse.

    The customdata of a cell, in the last trace, is ``[row, class]``.

    Parameters
    ----------
    change : DataFrame [runs, classes]
        Fractions; the index names the runs, the first on top. Cells of NaN stay empty.
    affected : DataFrame of bool [runs, classes], optional
        Same index and columns; the numbers in these cells are followed by ``*``.
    verdicts : DataFrame of str [runs, classes], optional
        Same index and columns; cells of "cannot tell" are grey.
    labels : mapping of str to str, optional
        What is written for a row of the index.
    selected : str, optional
        Row of the index that gets a frame.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When `change` is empty, or another table has another index or other columns.

    Notes
    -----
    Of more than 100 classes the 100 with the largest change in any run are drawn. Beyond 16 classes the numbers would not fit into
    the cells and appear in the hover text only.
    """
    if change.empty:
        raise ValueError("class_change_heatmap got no rows or no classes; give at least one run with one class")
    marks = pd.DataFrame(False, index=change.index, columns=change.columns) if affected is None else affected
    said = pd.DataFrame("", index=change.index, columns=change.columns) if verdicts is None else verdicts
    for name, table in (("affected", marks), ("verdicts", said)):
        if not (table.index.equals(change.index) and table.columns.equals(change.columns)):
            raise ValueError(f"{name} must have the index and columns of change; reindex it")
    total = change.shape[1]
    kept = largest(np.fmax.reduce(np.abs(change.to_numpy(float)), axis=0))
    change, marks, said = change.iloc[:, kept], marks.iloc[:, kept], said.iloc[:, kept]
    points = change.to_numpy(float) * PERCENT
    marked, words = marks.fillna(False).to_numpy(bool), said.fillna("").to_numpy(str)
    rows, columns = [str(name) for name in change.index], [str(name) for name in change.columns]
    titles = [str((labels or {}).get(row, row)) for row in rows]
    unclear = np.isin(words, [word for word, code in VERDICTS.items() if code == UNKNOWN])
    limit, colours, hover = saturation(points), shades(theme), _sentences(points, marked, words, titles, columns)
    figure = go.Figure(
        cells(
            points,
            rows=rows,
            columns=columns,
            text=_texts(points, marked),
            hover=hover,
            limit=limit,
            scale=colours.diverging,
            title="change in accuracy (pp)<br>" + ", ".join(_legend(points, marked, limit, unclear)),
            colours=colours,
        )
    )
    if unclear.any():
        grey = [(0.0, colours.unknown), (1.0, colours.unknown)]
        figure.add_heatmap(
            z=np.where(unclear, 0.0, np.nan), x=columns, y=rows, colorscale=grey, showscale=False, xgap=1, ygap=1, hoverinfo="skip"
        )
        figure.data[-1].update(text=figure.data[0].text, texttemplate="%{text}", textfont={"color": colours.ink})
    figure.add_trace(_handles(rows, columns, hover))
    figure.update_layout(
        template=template(theme),
        height=190 + 34 * len(rows),
        uirevision="class_change_heatmap",
        hovermode="closest",
        hoverdistance=-1,  # the cell under the pointer, however far its middle is
        shapes=[frame_row(rows.index(str(selected)), theme=theme)] if str(selected) in rows else [],
        # ranges of their own: marks would add room at the edges
        xaxis={
            "type": "category",
            "showgrid": False,
            "range": [-0.5, len(columns) - 0.5],
            "tickvals": columns,
            "ticktext": [short(c, 14) for c in columns],
            "title": {"text": left_out(total, len(columns)).removeprefix("; ") or None},
        },
        yaxis={
            "type": "category",
            "range": [len(rows) - 0.5, -0.5],
            "showgrid": False,
            "tickvals": rows,
            "ticktext": [two_lines(title) for title in titles],
            "tickfont": {"size": 12},
        },
    )
    return figure


def _handles(rows: list[str], columns: list[str], hover: np.ndarray) -> go.Scatter:
    """Return invisible marks on all cells: Plotly reports clicks on marks, but none on cells of a heat map."""
    hidden = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=columns * len(rows),
        y=[row for row in rows for _ in columns],
        mode="markers",
        marker={"symbol": "square", "size": 24, "opacity": 0},
        selected=hidden,
        unselected=hidden,
        customdata=[[row, column] for row in rows for column in columns],
        hovertext=list(hover.ravel()),
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _legend(points: np.ndarray, marked: np.ndarray, limit: float, unclear: np.ndarray) -> list[str]:
    """Return the second line of the title of the colour bar; short, for 420 px."""
    told = (full_colour(points, limit), "* q < 0.05" if marked.any() else "", "grey: cannot tell" if unclear.any() else "")
    return [text for text in told if text]


def _texts(points: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Return the texts of the cells; integers from ten up, where a decimal would make the text too small."""
    if points.shape[1] > MOST_TEXT:
        return np.full(points.shape, "", dtype=object)
    write = np.vectorize(lambda p, mark: signed(p, 0 if abs(p) >= 9.95 else 1) + "*" * bool(mark), otypes=[object])
    return write(points, marked)


def _sentences(points: np.ndarray, marked: np.ndarray, words: np.ndarray, rows: list[str], columns: list[str]) -> np.ndarray:
    return np.array(
        [
            [
                f"<b>{row}</b><br>{column}: {_words(point, mark, word)}"
                for column, point, mark, word in zip(columns, points[i], marked[i], words[i], strict=True)
            ]
            for i, row in enumerate(rows)
        ],
        dtype=object,
    )


def _words(point: float, mark: bool, word: str) -> str:
    if np.isnan(point):
        return "not measured"
    return ", ".join(filter(None, [f"{signed(point)} pp", word, "significant" if mark else "within chance"]))
