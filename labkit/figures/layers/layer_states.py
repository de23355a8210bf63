"""The layers of a sparse training at its first and its last step."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.log_ticks import log_ticks
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.layers.layer_quantities import DIGITS, ROW, TITLES, Quantity, layer_title, layer_values

FIRST, LAST = "at the start", "at the end"
LOG_FROM = 8


@shows_names
def layer_states(layers: pd.DataFrame, *, what: Quantity = "fan_in", theme: Theme = "light") -> go.Figure:
    """Draw one quantity of every layer at the first and at the last step: a hollow and a filled mark, with a line between.

    Three traces: lines, "at the start", "at the end". The first layer of the frame is on top.

    Parameters
    ----------
    layers : DataFrame, one row per (step, layer)
        The table ``layers`` of a sparse training: columns step, layer and, depending on `what`, fan_in (connections per neuron),
        active (neurons with connections) or explored (fraction of the positions); optionally outputs (all neurons).
    what : {"fan_in", "active", "explored"}
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When `what` is unknown, a column is missing, or a layer has several rows for one step.

    Notes
    -----
    The axis of fan-in is logarithmic where the largest is more than 8 times the smallest.
    """
    values = layer_values(layers, what, figure="layer_states")
    names = list(dict.fromkeys(values["layer"]))
    first = values.sort_values("step").drop_duplicates("layer").set_index("layer")["value"].reindex(names)
    last = values.sort_values("step").drop_duplicates("layer", keep="last").set_index("layer")["value"].reindex(names)
    colours, colour = shades(theme), template(theme).layout.colorway[0]
    titles = [layer_title(name) for name in names]
    hover = [
        f"<b>{name}</b><br>{TITLES[what]}: {before:{DIGITS[what]}} {FIRST}, {after:{DIGITS[what]}} {LAST}"
        for name, before, after in zip(names, first, last, strict=True)
    ]
    said = {"hovertext": hover, "hovertemplate": "%{hovertext}<extra></extra>"}
    figure = go.Figure(
        [
            go.Scatter(
                x=[value for pair in zip(first, last, strict=True) for value in (*pair, None)],
                y=[name for name in titles for _ in range(3)],
                mode="lines",
                line={"color": colours.quiet, "width": 2},
                hoverinfo="skip",
                showlegend=False,
            ),
            go.Scatter(
                x=first.to_numpy(float),
                y=titles,
                mode="markers",
                name=FIRST,
                marker={"symbol": "circle-open", "size": 9, "color": colours.ink},
                **said,
            ),
            go.Scatter(x=last.to_numpy(float), y=titles, mode="markers", name=LAST, marker={"size": 9, "color": colour}, **said),
        ]
    )
    positive = [value for value in (*first, *last) if value > 0]
    logarithmic = what == "fan_in" and positive and max(positive) / min(positive) > LOG_FROM
    figure.update_layout(
        template=template(theme),
        height=120 + ROW * max(1, len(names)),
        uirevision=f"layer_states {what}",
        hovermode="closest",
        xaxis={
            "title": {"text": TITLES[what]},
            **(log_ticks(positive) if logarithmic else {"rangemode": "tozero"}),
        },
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "categoryorder": "array",
            "categoryarray": titles,
            "tickvals": titles,
            "tickfont": {"size": 10},
        },
    )
    return figure
