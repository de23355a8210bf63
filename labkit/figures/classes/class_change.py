"""Change in the accuracy of each class after compression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.largest import as_numbers, largest, left_out
from labkit.figures.base.names import shows_names
from labkit.figures.base.outcomes import marks, outcomes, verdict_words
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, ceiling, needs, short, signed

COLUMNS = ("change", "change_low", "change_high", "affected", "q", "reference_accuracy", "accuracy")
MOST = 30
MARK = "●"
# as wide as the mark: without it the margin would jump whenever a class becomes affected
NO_MARK = f'<span style="color:rgba(0,0,0,0)">{MARK}</span>'


@shows_names
def class_change(per_class: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw the change in accuracy of each class, in percentage points, with its interval.

    Always three traces: classes of which nothing can be told (grey), those for the worse (orange) and for the better (blue), each
    over all classes (NaN where a class belongs to another trace), so that a figure on a page can be updated without new traces.
    A column verdict decides where there is one, else sign and significance. A dot beside its name marks a significant change.

    Parameters
    ----------
    per_class : DataFrame
        `Audit.per_class` of an audit with a reference: one row per class, the first class on top. Columns change, change_low,
        change_high, reference_accuracy, accuracy (fractions), affected (bool), q (adjusted p-value), and optionally verdict
        ("harmed", "unharmed", "cannot tell") and needed (examples that would tell). A class of NaN keeps its row, without a bar.
        Of more than 30 classes the 30 with the largest change are drawn.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(per_class, COLUMNS, figure="class_change", advice="audit with a reference model")
    per_class = as_numbers(per_class)
    shown = per_class.iloc[largest(per_class["change"].abs().to_numpy(float), MOST)]
    names = [str(name) for name in shown.index]
    affected = shown["affected"].fillna(False).to_numpy(bool)
    colours = shades(theme)
    limit = ceiling((shown[["change", "change_low", "change_high"]].to_numpy(float) * PERCENT).ravel())
    found = outcomes(shown)
    figure = go.Figure(
        [
            _bars(shown, names, found.codes == code, name, colour, colours.ink)
            for code, (name, colour) in enumerate(zip(found.names, marks(colours), strict=True))
        ]
    )
    figure.update_layout(
        template=template(theme),
        height=110 + 26 * max(3, len(names)),
        barmode="overlay",
        bargap=0.3,
        uirevision="class_change",
        xaxis={
            "title": {"text": f"change in accuracy (pp)<br>{MARK} q < 0.05" + left_out(len(per_class), len(shown))},
            "range": [-1.05 * limit, 1.05 * limit],
            "zeroline": True,
            "zerolinecolor": colours.ink,
            "zerolinewidth": 1,
        },
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "categoryorder": "array",
            "categoryarray": names,
            "tickvals": names,
            "ticktext": _labels(names, affected, shown["change"].to_numpy(float)),
        },
    )
    return figure


def _labels(names: list[str], affected: np.ndarray, change: np.ndarray) -> list[str]:
    return [
        f"{short(name)}{' (no examples)' if np.isnan(value) else ''} {MARK if mark else NO_MARK}"
        for name, mark, value in zip(names, affected, change, strict=True)
    ]


def _bars(shown: pd.DataFrame, names: list[str], mine: np.ndarray, name: str, colour: str, ink: str) -> go.Bar:
    """Return a trace over all classes; those of the other trace are NaN."""
    change, low, high = (
        np.where(mine, shown[key].to_numpy(float), np.nan) * PERCENT for key in ("change", "change_low", "change_high")
    )
    return go.Bar(
        x=change,
        y=names,
        orientation="h",
        name=name,
        marker={"color": colour},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": high - change,
            "arrayminus": change - low,
            "thickness": 1.5,
            "width": 4,
            "color": ink,
        },
        hovertext=[_sentence(str(name), row) for name, row in shown.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _sentence(name: str, row: pd.Series) -> str:
    points = {key: row[key] * PERCENT for key in ("change", "change_low", "change_high")}
    significant = "significant" if row["affected"] else "within chance"
    said = ", ".join(filter(None, [verdict_words(row), f"{significant}, q = {row['q']:.3g}"]))
    return (
        f"<b>{name}</b>: {signed(points['change'])} pp (interval {signed(points['change_low'])} to {signed(points['change_high'])})"
        f"<br>{row['reference_accuracy']:.1%} before, {row['accuracy']:.1%} now<br>{said}"
    )
