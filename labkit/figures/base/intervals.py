"""Estimates with their intervals, one line each."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.selection import ring
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import two_lines


@shows_names
def intervals(
    frame: pd.DataFrame,
    *,
    label: str = "",
    unit: str | None = None,
    labels: Mapping[str, str] | None = None,
    selected: str | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Draw a dot and an interval for each row. The customdata of a dot is ``[row, low, high]``.

    Parameters
    ----------
    frame : DataFrame
        Columns value, low, high in `unit`; the index names the rows, the first on top.
    label : str
        Title of the horizontal axis, without the unit.
    unit : str, optional
        By default "%" where there is a label, and none otherwise.
    labels : mapping of str to str, optional
        What is written for a row of the index.
    selected : str, optional
        Row of the index that gets a ring.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, or an interval does not contain its value.
    """
    missing = {"value", "low", "high"} - set(frame.columns)
    if missing:
        raise ValueError(f"intervals needs the columns value, low and high; {', '.join(sorted(missing))} missing")
    outside = frame.index[(frame["value"] < frame["low"]) | (frame["value"] > frame["high"])]
    if len(outside):
        raise ValueError(f"the interval of {outside[0]!r} does not contain its value; check low and high")
    unit = unit if unit is not None else "%" if label else ""
    names = [str(name) for name in frame.index]
    titles = [str((labels or {}).get(name, name)) for name in names]
    figure = go.Figure(
        go.Scatter(
            x=frame["value"],
            y=names,
            mode="markers",
            marker={"size": 11},
            error_x={
                "array": frame["high"] - frame["value"],
                "arrayminus": frame["value"] - frame["low"],
                "thickness": 2,
                "width": 6,
            },
            customdata=list(zip(names, frame["low"], frame["high"], strict=True)),
            hovertext=titles,
            hovertemplate=f"%{{hovertext}}: %{{x:.2f}} {unit}<br>interval %{{customdata[1]:.2f}} to %{{customdata[2]:.2f}}"
            "<extra></extra>",
        )
    )
    if str(selected) in names:
        figure.add_trace(ring([frame["value"].iloc[names.index(str(selected))]], [str(selected)], theme=theme))
    figure.update_layout(template=template(theme), height=90 + 44 * max(1, len(names)))
    title = f"{label} ({unit})" if label and unit else label or unit
    figure.update_xaxes(title_text=two_lines(title, 24))
    # long names, e.g. of runs with several parameters, would leave no room for the marks
    figure.update_yaxes(autorange="reversed", type="category", tickvals=names, ticktext=[two_lines(title) for title in titles])
    return figure
