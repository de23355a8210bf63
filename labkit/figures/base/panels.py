"""A table as small multiples: one panel per column."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template

Kind = Literal["lines", "markers", "lines+markers", "bars"]


@shows_names
def panels(
    table: pd.DataFrame,
    *,
    kind: Kind = "lines",
    columns: int = 2,
    x_label: str = "",
    height: int = 320,
    theme: Theme = "light",
) -> go.Figure:
    """Draw each column of a table in a panel of its own, with a vertical axis of its own.

    Parameters
    ----------
    table : DataFrame
        The last level of the index is the horizontal axis: a numeric one where the values are numbers, otherwise categories. With
        a level before it there is one series per value of that level, in the same colour in every panel. Column names, with their
        units, are the titles of the panels.
    kind : {"lines", "markers", "lines+markers", "bars"}
        Bars carry their values as text; without a level for series every bar has a colour of its own.
    columns : int
        Panels side by side.
    x_label : str
        Title of the horizontal axes.
    height : int
        Of one row of panels, in pixels.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When the table has no column.

    Examples
    --------
    >>> table = pd.DataFrame({"rank": [3, 5], "error (%)": [40.0, 20.0]}, index=["dense", "sparse"])
    >>> [trace.type for trace in panels(table, kind="bars").data]
    ['bar', 'bar']
    """
    if not len(table.columns):
        raise ValueError("panels needs at least one column; give one per panel")
    across = min(columns, len(table.columns))
    down = -(-len(table.columns) // across)
    titles = [str(name) for name in table.columns]
    figure = make_subplots(down, across, subplot_titles=titles, horizontal_spacing=0.1, vertical_spacing=0.3 / (down + 1))
    palette = template(theme).layout.colorway
    for place, name in enumerate(table.columns):
        where = {"row": place // across + 1, "col": place % across + 1}
        for turn, (series, values) in enumerate(_series(table[name])):
            x, colour = list(values.index), palette[turn % len(palette)]
            label = {"name": series, "legendgroup": series, "showlegend": bool(series) and not place}
            if kind == "bars":
                colours = colour if series else [palette[bar % len(palette)] for bar in range(len(values))]
                text = {"texttemplate": "%{y:.4g}", "textposition": "outside", "cliponaxis": False, "textangle": 0}
                figure.add_bar(x=x, y=values.to_numpy(), marker_color=colours, **text, **label, **where)
            else:
                figure.add_scatter(x=x, y=values.to_numpy(), mode=kind, line_color=colour, **label, **where)
    if not pd.api.types.is_numeric_dtype(table.index.get_level_values(-1)):
        figure.update_xaxes(type="category")
    figure.update_xaxes(title_text=x_label, row=down)
    # legend above the titles of the panels
    figure.update_layout(template=template(theme), height=height * down, margin={"t": 72}, legend={"y": 1.0 + 36 / (height * down)})
    return figure


def _series(column: pd.Series) -> list[tuple[str, pd.Series]]:
    """Return (name, values over the last level of the index), without rows of NaN."""
    known = column.dropna()
    if column.index.nlevels == 1:
        return [("", known)]
    outer = column.index.names[0] or ""
    names = dict.fromkeys(column.index.get_level_values(0))
    return [
        (f"{outer} {name}".strip() if not isinstance(name, str) else name, known.xs(name, level=0))
        for name in names
        if name in known.index.get_level_values(0)
    ]
