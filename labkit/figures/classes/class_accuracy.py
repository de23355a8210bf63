"""Accuracy of each class, of a model and its reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.largest import as_numbers, largest, left_out
from labkit.figures.base.names import shows_names
from labkit.figures.base.outcomes import marks, outcomes
from labkit.figures.base.shades import Shades, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs, short

COLUMNS = ("accuracy", "accuracy_low", "accuracy_high")


@shows_names
def class_accuracy(per_class: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw the accuracy of each class in percent: a filled dot with its interval, and a hollow one for the reference.

    Always three traces: lines between the dots, reference, model. With a column verdict the model is three traces, by verdict.

    Parameters
    ----------
    per_class : DataFrame
        `Audit.per_class`: one row per class, the first class on top. Columns accuracy, accuracy_low, accuracy_high (fractions) and
        optionally reference_accuracy; without it only the model is drawn. A class of NaN keeps an empty row. Optionally verdict
        ("harmed", "unharmed", "cannot tell"), which gives the colour: orange, blue, grey. Of more than 100
        classes the 100 with the largest change are drawn, without a reference the first 100.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(per_class, COLUMNS, figure="class_accuracy", advice="give Audit.per_class")
    total, compared = len(per_class), "reference_accuracy" in per_class.columns
    per_class = _drawn(as_numbers(per_class), compared)
    after, low, high = (per_class[key].to_numpy(float) * PERCENT for key in COLUMNS)
    before = per_class["reference_accuracy"].to_numpy(float) * PERCENT if compared else np.full(len(per_class), np.nan)
    names = [str(name) for name in per_class.index]
    colours = shades(theme)
    figure = go.Figure(
        [
            _lines(names, before, after, colours),
            _reference(names, before, compared, colours),
            *_models(per_class, names, np.stack([after, low, high]), compared, theme),
        ]
    )
    figure.update_layout(
        template=template(theme),
        height=110 + 26 * max(3, len(names)),
        uirevision="class_accuracy",
        xaxis={
            "title": {"text": "accuracy (%)" + left_out(total, len(per_class), "rows")},
            "range": _range(np.concatenate([before, low, high])),
        },
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "categoryorder": "array",
            "categoryarray": names,
            "tickvals": names,
            "ticktext": [short(name) for name in names],
        },
    )
    return figure


def _drawn(per_class: pd.DataFrame, compared: bool) -> pd.DataFrame:
    """Return the classes that are drawn."""
    before = per_class["reference_accuracy"] if compared else per_class["accuracy"]
    return per_class.iloc[largest((per_class["accuracy"] - before).abs().to_numpy(float))]


def _models(per_class: pd.DataFrame, names: list[str], ends: np.ndarray, compared: bool, theme: Theme) -> list[go.Scatter]:
    """Return the model's dots, of accuracies and their intervals [3, classes]: one trace, or one for each verdict."""
    if "verdict" not in per_class:
        return [_model(names, ends, compared, "this model", template(theme).layout.colorway[0])]
    found = outcomes(per_class)
    return [
        _model(names, np.where(found.codes == code, ends, np.nan), compared, name, colour)
        for code, (name, colour) in enumerate(zip(found.names, marks(shades(theme)), strict=True))
    ]


def _range(values: np.ndarray) -> list[float]:
    """Return multiples of ten around all values, with room for half a marker."""
    known = values[np.isfinite(values)]
    low, high = (np.floor(known.min() / 10) * 10, np.ceil(known.max() / 10) * 10) if len(known) else (0, 100)
    room = 0.03 * max(10, high - low)
    return [float(low - room), float(max(high, low + 10) + room)]


def _lines(names: list[str], before: np.ndarray, after: np.ndarray, colours: Shades) -> go.Scatter:
    gaps = np.full(len(names), np.nan)
    return go.Scatter(
        x=np.stack([before, after, gaps], axis=1).ravel(),
        y=[name for name in names for _ in range(3)],
        mode="lines",
        line={"color": colours.quiet, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )


def _reference(names: list[str], before: np.ndarray, compared: bool, colours: Shades) -> go.Scatter:
    return go.Scatter(
        x=before,
        y=names,
        mode="markers",
        name="reference",
        marker={"symbol": "circle-open", "size": 11, "color": colours.ink, "line": {"width": 2}},
        hovertemplate="<b>%{y}</b>: reference accuracy %{x:.1f} %<extra></extra>",
        cliponaxis=False,
        showlegend=compared,
    )


def _model(names: list[str], ends: np.ndarray, compared: bool, name: str, colour: str) -> go.Scatter:
    after, low, high = ends
    return go.Scatter(
        x=after,
        y=names,
        mode="markers",
        name=name,
        marker={"symbol": "circle", "size": 11, "color": colour},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": high - after,
            "arrayminus": after - low,
            "thickness": 2,
            "width": 5,
            "color": colour,
        },
        customdata=np.stack([low, high], axis=1),
        hovertemplate="<b>%{y}</b>: accuracy of this model %{x:.1f} %"
        "<br>interval %{customdata[0]:.1f} % to %{customdata[1]:.1f} %<extra></extra>",
        cliponaxis=False,
        showlegend=compared,
    )
