"""Accuracy over the FLOPs of sparse training or inference, relative to dense."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.log_ticks import log_ticks
from labkit.figures.base.means import MEANS, in_words, reach, whiskers
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.training.rules import DENSE, looks, rule_title

COLUMNS = ("rule", "sparsity", "share", *MEANS)


@shows_names
def flops_accuracy(
    cells: pd.DataFrame, *, x_label: str = "training FLOPs", titles: Mapping[str, str] | None = None, theme: Theme = "light"
) -> go.Figure:
    """Draw accuracy in percent over the share of the dense FLOPs, one line per rule, from sparse on the left to dense.

    Parameters
    ----------
    cells : DataFrame, one row per (rule, sparsity)
        Columns rule, sparsity, share (of the dense FLOPs, above 0), mean, low, high (fractions) and optionally seeds.
        "dense" is one of the rules; its share is 1.
    x_label : str
        What `share` counts, e.g. "training FLOPs" or "inference FLOPs".
    titles : mapping of str to str, optional
        Titles of rules in their order; see `rule_title`.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

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
    for name, look in looks(cells["rule"], theme, titles).items():
        rows, title = cells[cells["rule"] == name].sort_values("share"), rule_title(name, titles)
        figure.add_trace(
            go.Scatter(
                x=rows["share"].to_numpy(float) * PERCENT,
                y=rows["mean"].to_numpy(float) * PERCENT,
                mode="lines+markers",
                name=title,
                line={"color": look.colour, "width": look.width, "dash": look.dash},
                marker={"color": look.colour, "symbol": look.symbol, "size": 9},
                error_y={**whiskers(rows), "thickness": 1, "width": 0},
                hovertext=[
                    f"<b>{title}</b>, sparsity {PERCENT * row.sparsity:g} %<br>"
                    f"{PERCENT * row.share:.1f} % of the dense FLOPs<br>{in_words(row)}"
                    for row in rows.itertuples()
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    dense = cells[cells["rule"] == DENSE]
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
