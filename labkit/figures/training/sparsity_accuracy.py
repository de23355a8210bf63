"""Accuracy over sparsity, one line per rule of sparse training."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.means import MEANS, in_words, reach, whiskers
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.training.rules import DENSE, in_order, looks, rule_title

COLUMNS = ("rule", "sparsity", *MEANS)
BETWEEN = 0.1  # of the distance between two sparsities, from rule to rule
WHOLE = 0.6  # all rules together take no more


@shows_names
def sparsity_accuracy(
    cells: pd.DataFrame,
    *,
    dense: Mapping[str, float] | None = None,
    titles: Mapping[str, str] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Draw accuracy in percent over sparsity with intervals, and dense training as a dotted line with its interval as a band.

    One trace per rule, then "dense". Sparsities are spaced equally; rules are offset, so that no whisker hides another.

    Parameters
    ----------
    cells : DataFrame, one row per (rule, sparsity)
        Columns rule, sparsity, mean, low, high (fractions), as `labkit.audit.over_seeds` returns them, and optionally seeds.
        An infinite interval, as of one seed, has no whisker.
    dense : Series or mapping, optional
        mean, low, high of dense training, fractions.
    titles : mapping of str to str, optional
        Titles of rules in their order; see `rule_title`.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, or a rule has several rows for one sparsity.
    """
    needs(cells, COLUMNS, figure="sparsity_accuracy", advice="give what labkit.audit.over_seeds returns")
    twice = cells[cells.duplicated(["rule", "sparsity"])]
    if len(twice):
        where = twice.iloc[0]
        raise ValueError(
            f"sparsity_accuracy draws one network, and the cells hold several for {where['rule']} at {where['sparsity']}; "
            "filter them first"
        )
    names, sparsities = in_order(cells["rule"], titles), sorted(set(cells["sparsity"]))
    step = min(BETWEEN, WHOLE / max(1, len(names)))
    places = {value: place for place, value in enumerate(sparsities)}
    figure = go.Figure()
    for turn, (name, look) in enumerate(looks(names, theme, titles).items()):
        rows, title = cells[cells["rule"] == name].sort_values("sparsity"), rule_title(name, titles)
        aside = (turn - (len(names) - 1) / 2) * step
        figure.add_trace(
            go.Scatter(
                x=[places[value] + aside for value in rows["sparsity"]],
                y=rows["mean"].to_numpy(float) * PERCENT,
                mode="lines+markers",
                name=title,
                line={"color": look.colour, "width": look.width, "dash": look.dash},
                marker={"color": look.colour, "symbol": look.symbol, "size": 9},
                error_y=whiskers(rows),
                hovertext=[
                    f"<b>{title}</b>, sparsity {PERCENT * row.sparsity:g} %<br>{in_words(row)}" for row in rows.itertuples()
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    limits = [cells]
    if dense is not None:
        limits.append(pd.DataFrame([{key: float(dense[key]) for key in MEANS}]))
        _dense(figure, limits[-1], len(sparsities), theme)
    figure.update_layout(
        template=template(theme),
        height=460,
        uirevision="sparsity_accuracy",
        hovermode="closest",
        legend={"font": {"size": 12}},
        xaxis={
            "title": {"text": "sparsity (fraction of zeros)"},
            "tickvals": list(places.values()),
            "ticktext": [f"{PERCENT * value:g} %" for value in sparsities],
            "range": [-0.5, max(1, len(sparsities)) - 0.5],
        },
        yaxis={"title": {"text": "test accuracy (%)"}, **reach(limits)},
    )
    return figure


def _dense(figure: go.Figure, cell: pd.DataFrame, count: int, theme: Theme) -> None:
    """Add the line, and the band where there is an interval."""
    row = next(cell.itertuples())
    ends = [-0.5, max(1, count) - 0.5]
    look = looks([DENSE], theme)[DENSE]
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=[PERCENT * row.mean] * 2,
            mode="lines",
            name=DENSE,
            line={"color": look.colour, "width": look.width, "dash": look.dash},
            hovertext=[f"<b>dense</b><br>{in_words(row)}"] * 2,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    if row.low > 0:  # not where it is infinite
        figure.add_hrect(
            y0=PERCENT * row.low, y1=PERCENT * row.high, fillcolor=shades(theme).quiet, opacity=0.2, line_width=0, layer="below"
        )
