"""What sparsity costs: accuracy over sparsity, a line a topology."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.means import MEANS, in_words, reach, whiskers
from labkit.figures.shades import shades
from labkit.figures.template import Theme, template
from labkit.figures.topologies import in_order, looks, topology_title
from labkit.figures.wording import PERCENT, needs

COLUMNS = ("topology", "sparsity", *MEANS)
BETWEEN = 0.1  # of the distance between two sparsities, from topology to topology
WHOLE = 0.6  # all topologies together take no more


def sparsity_accuracy(cells: pd.DataFrame, *, dense: Mapping[str, float] | None = None, theme: Theme = "light") -> go.Figure:
    """Draw accuracy in percent over sparsity with intervals, and the dense training as a dotted line with its band.

    One trace a topology, SRigL first, then "dense". Sparsities stand side by side at equal distances; topologies stand beside one
    another, so that no whisker hides another.

    Parameters
    ----------
    cells : DataFrame, a row a (topology, sparsity)
        Columns topology, sparsity, mean, low, high (fractions), as `labkit.audit.over_seeds` returns them, and optionally seeds.
        An infinite interval, as of one seed, has no whisker.
    dense : Series or mapping, optional
        mean, low, high of the training without zeros.
    theme : {"light", "dark"}

    Raises
    ------
    ValueError
        When a column is missing, or a topology has several rows for one sparsity.
    """
    needs(cells, COLUMNS, figure="sparsity_accuracy", advice="give what labkit.audit.over_seeds returns")
    twice = cells[cells.duplicated(["topology", "sparsity"])]
    if len(twice):
        where = twice.iloc[0]
        raise ValueError(
            f"sparsity_accuracy draws one network, and the cells hold several for {where['topology']} at {where['sparsity']}; "
            "filter them first"
        )
    names, sparsities = in_order(cells["topology"]), sorted(set(cells["sparsity"]))
    step = min(BETWEEN, WHOLE / max(1, len(names)))
    places = {value: place for place, value in enumerate(sparsities)}
    figure = go.Figure()
    for turn, (name, look) in enumerate(looks(names, theme).items()):
        rows = cells[cells["topology"] == name].sort_values("sparsity")
        aside = (turn - (len(names) - 1) / 2) * step
        figure.add_trace(
            go.Scatter(
                x=[places[value] + aside for value in rows["sparsity"]],
                y=rows["mean"].to_numpy(float) * PERCENT,
                mode="lines+markers",
                name=topology_title(name),
                line={"color": look.colour, "width": look.width, "dash": look.dash},
                marker={"color": look.colour, "symbol": look.symbol, "size": 9},
                error_y=whiskers(rows),
                hovertext=[
                    f"<b>{topology_title(name)}</b>, sparsity {PERCENT * row.sparsity:g} %<br>{in_words(row)}"
                    for row in rows.itertuples()
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
            "title": {"text": "sparsity (share of zeros)"},
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
    look = looks(["dense"], theme)["dense"]
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=[PERCENT * row.mean] * 2,
            mode="lines",
            name="dense",
            line={"color": look.colour, "width": look.width, "dash": look.dash},
            hovertext=[f"<b>dense</b><br>{in_words(row)}"] * 2,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    if row.low > 0:  # not where it is infinite
        figure.add_hrect(
            y0=PERCENT * row.low, y1=PERCENT * row.high, fillcolor=shades(theme).quiet, opacity=0.2, line_width=0, layer="below"
        )
