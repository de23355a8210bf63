"""The layers of a sparse training over its steps, as a heat map."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.colour_bar import colour_bar
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.layers.layer_quantities import DIGITS, ROW, TITLES, Quantity, layer_title, layer_values


@shows_names
def layer_history(layers: pd.DataFrame, *, what: Quantity = "fan_in", theme: Theme = "light") -> go.Figure:
    """Draw one quantity as a heat map, one row per layer, one column per step at which connections changed.

    Parameters
    ----------
    layers : DataFrame
        As for `layer_states`.
    what : {"fan_in", "active", "explored"}
        The colours of shares range from 0 to 100 %; those of fan-in show the ratio to the first fan-in of the layer.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When `what` is unknown, a column is missing, or a layer has several rows for one step.
    """
    values = layer_values(layers, what, figure="layer_history")
    names = list(dict.fromkeys(values["layer"]))
    table = values.pivot(index="layer", columns="step", values="value").reindex(names)
    colours = shades(theme)
    hover = [
        [f"<b>{name}</b>, step {step:,}<br>{TITLES[what]}: {value:{DIGITS[what]}}" for step, value in row.items()]
        for name, row in table.iterrows()
    ]
    if what == "fan_in":
        first = table.bfill(axis="columns").iloc[:, :1].squeeze(axis="columns") if table.size else None
        shown = table if first is None else table.div(first, axis="index")
        top = max(2.0, float(shown.max(axis=None))) if shown.size else 2.0
        scale = {"zmin": 0, "zmid": 1, "zmax": top, "colorscale": colours.signed, "title": "fan-in relative to the start"}
    else:
        shown = table
        low = colours.neutral
        scale = {"zmin": 0, "zmax": 100, "colorscale": [(0, low), (1, colours.more)], "title": TITLES[what]}
    title, steps = str(scale.pop("title")), [str(step) for step in table.columns]
    figure = go.Figure(
        go.Heatmap(
            z=shown.to_numpy(float),
            x=steps,
            y=[layer_title(name) for name in names],
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            colorbar=colour_bar(title),
            **scale,
        )
    )
    if table.size and (table.nunique(axis="columns") <= 1).all():
        figure.add_annotation(text="constant over all steps", x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    figure.update_layout(
        template=template(theme),
        height=120 + ROW * max(1, len(names)),
        margin={"t": 64},
        uirevision=f"layer_history {what}",
        xaxis={"title": {"text": "step"}, "type": "category", "tickvals": steps[:: max(1, len(steps) // 6)], "tickangle": 0},
        yaxis={"type": "category", "autorange": "reversed", "tickfont": {"size": 10}, "nticks": len(names)},
    )
    return figure
