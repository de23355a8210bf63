"""How a training goes: accuracy on validation data over the steps, a line a topology."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.template import Theme, template
from labkit.figures.topologies import looks, topology_title
from labkit.figures.wording import PERCENT, needs

COLUMNS = ("topology", "step", "validation_accuracy")


def training_curves(curves: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw validation accuracy in percent over the steps of the training, one trace a topology, SRigL first and dense last.

    Parameters
    ----------
    curves : DataFrame
        Columns topology, step, validation_accuracy (fraction): the tables ``curve`` of runs one below the other. Several rows of
        one topology and step, as of several seeds, are averaged. A topology may be told apart further, as "srigl, gamma_sal=0.6".
    theme : {"light", "dark"}

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(curves, COLUMNS, figure="training_curves", advice="give the tables curve of runs, with the topology of each")
    means = curves.groupby(["topology", "step"], as_index=False)["validation_accuracy"].agg(["mean", "size"])
    figure = go.Figure()
    for name, look in looks(curves["topology"], theme).items():
        rows = means[means["topology"] == name].sort_values("step")
        figure.add_trace(
            go.Scatter(
                x=rows["step"].to_numpy(int),
                y=rows["mean"].to_numpy(float) * PERCENT,
                mode="lines+markers",
                name=topology_title(name),
                line={"color": look.colour, "width": look.width, "dash": look.dash},
                marker={"color": look.colour, "symbol": look.symbol, "size": 6},
                hovertext=[
                    f"<b>{topology_title(name)}</b>, step {row.step:,}: {PERCENT * row.mean:.2f} %"
                    + (f" (mean of {row.size})" if row.size > 1 else "")
                    for row in rows[["step", "mean", "size"]].itertuples()
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    figure.update_layout(
        template=template(theme),
        height=440,
        uirevision="training_curves",
        hovermode="closest",
        legend={"font": {"size": 12}},
        xaxis={"title": {"text": "step"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "validation accuracy (%)"}},
    )
    return figure
