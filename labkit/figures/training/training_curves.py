"""Accuracy on validation data over the steps of a training, one line per rule."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.training.rules import looks, rule_title

COLUMNS = ("rule", "step", "validation_accuracy")


@shows_names
def training_curves(curves: pd.DataFrame, *, titles: Mapping[str, str] | None = None, theme: Theme = "light") -> go.Figure:
    """Draw validation accuracy in percent over the steps, one trace per rule, "dense" last.

    Parameters
    ----------
    curves : DataFrame
        Columns rule, step, validation_accuracy (fraction): the tables ``curve`` of runs, concatenated. Rows of equal rule and step,
        as of several seeds, are averaged. A rule may be followed by settings, as in "rigl, fraction=0.5".
    titles : mapping of str to str, optional
        Titles of rules in their order; see `rule_title`.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(curves, COLUMNS, figure="training_curves", advice="concatenate the tables curve of runs, with the rule of each")
    means = curves.groupby(["rule", "step"], as_index=False)["validation_accuracy"].agg(["mean", "size"])
    figure = go.Figure()
    for name, look in looks(curves["rule"], theme, titles).items():
        rows, title = means[means["rule"] == name].sort_values("step"), rule_title(name, titles)
        figure.add_trace(
            go.Scatter(
                x=rows["step"].to_numpy(int),
                y=rows["mean"].to_numpy(float) * PERCENT,
                mode="lines+markers",
                name=title,
                line={"color": look.colour, "width": look.width, "dash": look.dash},
                marker={"color": look.colour, "symbol": look.symbol, "size": 6},
                hovertext=[
                    f"<b>{title}</b>, step {row.step:,}: {PERCENT * row.mean:.2f} %"
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
