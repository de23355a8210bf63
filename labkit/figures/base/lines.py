"""A table as lines: one line per column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template


@shows_names
def lines(
    table: pd.DataFrame,
    *,
    x_label: str = "",
    y_label: str = "",
    guides: Sequence[str] = (),
    limits: Mapping[str, float] | None = None,
    mark: float | None = None,
    stacked: bool = False,
    height: int = 340,
    theme: Theme = "light",
) -> go.Figure:
    """Draw every column of a table as a line over its index.

    Parameters
    ----------
    table : DataFrame
        Indexed by the values of the horizontal axis; one numeric column per line, its name in the legend. NaN leaves a gap.
    x_label : str
        Title of the horizontal axis, with its unit; by default the name of the index.
    y_label : str
        Title of the vertical axis, with its unit.
    guides : sequence of str
        Columns to compare with, drawn grey and dotted.
    limits : mapping of str to float, optional
        Name -> height of horizontal dotted lines.
    mark : float, optional
        Place of a vertical line, e.g. the current value of a slider.
    stacked : bool
        Fill the areas between the lines, each on top of the one before.
    height : int
        In pixels.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a guide is not a column of the table.

    Examples
    --------
    >>> figure = lines(pd.DataFrame({"dense": [4.0, 4.0], "condensed": [6.0, 3.0]}, index=[0.0, 0.5]), guides=["dense"])
    >>> [(trace.name, trace.line.dash) for trace in figure.data]
    [('dense', 'dot'), ('condensed', None)]
    """
    unknown = [name for name in guides if name not in table.columns]
    if unknown:
        raise ValueError(f"guides must be columns of the table ({', '.join(map(str, table.columns))}), got {unknown[0]!r}")
    colours = shades(theme)
    figure = go.Figure()
    for name in table.columns:
        look = {"color": colours.quiet, "width": 1.5, "dash": "dot"} if name in guides else {"width": 2.5}
        stack = {"stackgroup": "all"} if stacked else {}
        figure.add_scatter(x=table.index, y=table[name], name=str(name), mode="lines", line=look, **stack)
    for name, value in (limits or {}).items():
        note = {"annotation_text": name, "annotation_position": "top right"}
        figure.add_hline(y=value, line={"color": colours.ink, "width": 1.5, "dash": "dot"}, **note)
    if mark is not None:
        figure.add_vline(x=mark, line={"color": colours.ink, "width": 1})
    figure.update_layout(
        template=template(theme),
        height=height,
        uirevision=f"lines {x_label} {y_label}",
        showlegend=len(table.columns) > 1,
        xaxis={"title": {"text": x_label or str(table.index.name or "")}},
        yaxis={"title": {"text": y_label}, "rangemode": "tozero"},
    )
    return figure
