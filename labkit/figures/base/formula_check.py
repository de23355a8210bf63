"""Formulas as lines, simulations or measurements of the same quantity as dots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import needs

COLUMNS = ("series", "x", "formula", "measured", "error")
Z = 1.96  # standard errors of a 95 % interval


@shows_names
def formula_check(
    table: pd.DataFrame, *, x_label: str = "", y_label: str = "", log_x: bool = False, theme: Theme = "light"
) -> go.Figure:
    """Draw a line for each formula and, in the same colour, dots with 95 % intervals for the measured values.

    Parameters
    ----------
    table : DataFrame, one row per (series, x)
        Columns series (name), x, formula, measured (NaN for no dot), error (standard error of the measured value).
    x_label, y_label : str
        Titles of the axes, with their units.
    log_x : bool
        Logarithmic horizontal axis, with ticks at the values of x.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        Two traces per series: the line, and the dots, slightly offset between series.

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(table, COLUMNS, figure="formula_check", advice="add them to the table")
    figure, palette = go.Figure(), template(theme).layout.colorway
    names = list(dict.fromkeys(table["series"]))
    for turn, name in enumerate(names):
        rows, colour = table[table["series"] == name].sort_values("x"), palette[turn % len(palette)]
        figure.add_scatter(x=rows["x"], y=rows["formula"], name=str(name), mode="lines", line={"color": colour})
        aside = 1.03 ** (turn - (len(names) - 1) / 2)  # so that no whisker hides another
        figure.add_scatter(
            x=rows["x"].to_numpy(float) * aside,
            y=rows["measured"],
            name=f"{name}, measured",
            mode="markers",
            marker={"color": colour, "size": 8},
            error_y={"array": Z * rows["error"].to_numpy(float)},
            showlegend=False,
        )
    ticks = sorted(set(table["x"]))
    axis = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]} if log_x else {}
    shown = table[["formula", "measured"]].to_numpy(float)
    shown = shown[np.isfinite(shown)]
    room = 0.15 * float(np.ptp(shown)) or 0.1 if len(shown) else 0.1
    bounds = {"range": [float(shown.min()) - room, float(shown.max()) + room]} if len(shown) else {}
    return figure.update_layout(
        template=template(theme),
        height=380,
        uirevision="formula_check",
        xaxis={"title": {"text": x_label}, **axis},
        yaxis={"title": {"text": y_label}, **bounds},
    )
