"""Accuracy over the operations that a sparse training, or one answer of the network, takes beside a dense one."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.log_ticks import log_ticks
from labkit.figures.means import MEANS, in_words, reach, whiskers
from labkit.figures.shades import shades
from labkit.figures.template import Theme, template
from labkit.figures.topologies import looks, topology_title
from labkit.figures.wording import PERCENT, needs

COLUMNS = ("topology", "sparsity", "share", *MEANS)


def flops_accuracy(cells: pd.DataFrame, *, x_label: str, theme: Theme = "light") -> go.Figure:
    """Draw accuracy in percent over the share of the dense operations, a line a topology, from sparse on the left to dense.

    Parameters
    ----------
    cells : DataFrame, a row a (topology, sparsity)
        Columns topology, sparsity, share (of the dense operations, above 0), mean, low, high (fractions) and optionally seeds.
        "dense" is one of the topologies; its share is 1.
    x_label : str
        What is shared: "operations of the training".
    theme : {"light", "dark"}

    Raises
    ------
    ValueError
        When a column is missing, or a share is not above 0.
    """
    needs(cells, COLUMNS, figure="flops_accuracy", advice="give what labkit.audit.over_seeds returns, with the share of each")
    wrong = cells.loc[~(cells["share"] > 0), "share"]
    if len(wrong):
        raise ValueError(f"flops_accuracy needs shares above 0, got {wrong.iloc[0]}; leave that row out")
    figure = go.Figure()
    for name, look in looks(cells["topology"], theme).items():
        rows = cells[cells["topology"] == name].sort_values("share")
        figure.add_trace(
            go.Scatter(
                x=rows["share"].to_numpy(float) * PERCENT,
                y=rows["mean"].to_numpy(float) * PERCENT,
                mode="lines+markers",
                name=topology_title(name),
                line={"color": look.colour, "width": look.width, "dash": look.dash},
                marker={"color": look.colour, "symbol": look.symbol, "size": 9},
                error_y={**whiskers(rows), "thickness": 1, "width": 0},
                hovertext=[
                    f"<b>{topology_title(name)}</b>, sparsity {PERCENT * row.sparsity:g} %<br>"
                    f"{PERCENT * row.share:.1f} % of the dense operations<br>{in_words(row)}"
                    for row in rows.itertuples()
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    dense = cells[cells["topology"] == "dense"]
    if len(dense):
        figure.add_hline(y=PERCENT * dense["mean"].iloc[0], line={"color": shades(theme).quiet, "width": 1, "dash": "dot"})
    figure.update_layout(
        template=template(theme),
        height=460,
        uirevision=f"flops_accuracy {x_label}",
        hovermode="closest",
        legend={"font": {"size": 12}},
        xaxis={
            "title": {"text": f"{x_label} (% of dense)"},
            **(log_ticks(PERCENT * cells["share"]) if len(cells) else {}),
        },
        yaxis={"title": {"text": "test accuracy (%)"}, **reach([cells])},
    )
    return figure
