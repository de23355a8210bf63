"""A table as stacked bars: one bar per row, one part per column."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template


@shows_names
def stacked_bars(table: pd.DataFrame, *, label: str = "", unit: str = "", theme: Theme = "light") -> go.Figure:
    """Draw a horizontal bar for each row, divided into the columns, with the total beside its name.

    Parameters
    ----------
    table : DataFrame
        Nonnegative numbers in `unit`; the index names the bars, the first on top, the columns name the parts.
    label : str
        Title of the horizontal axis, without the unit.
    unit : str
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = stacked_bars(pd.DataFrame({"values": [4, 2], "indices": [0, 1]}, index=["dense", "condensed"]), unit="kB")
    >>> list(figure.data[0].y)
    ['dense<br>4 kB', 'condensed<br>3 kB']
    """
    total = table.sum(axis=1)
    names = [f"{name}<br>{size:,.4g} {unit}".rstrip() for name, size in total.items()]
    figure = go.Figure([go.Bar(y=names, x=table[part], name=str(part), orientation="h") for part in table.columns])
    figure.update_layout(
        template=template(theme),
        height=110 + 75 * max(1, len(table)),
        barmode="stack",
        uirevision="stacked_bars",
        legend={"traceorder": "normal"},
        xaxis={"title": {"text": f"{label} ({unit})" if unit else label}, "range": [0, 1.02 * max([*total, 0]) or 1]},
        yaxis={"autorange": "reversed", "type": "category"},
    )
    return figure
