"""Rates of the groups of a sensitive feature, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.largest import as_numbers, largest, left_out
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import SYMBOLS, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, short

# name in the table, name beside the axis, column with the number of examples the rate is over (None: not in the table)
RATES = (
    ("accuracy_score", "accuracy", "n"),
    ("selection_rate", "selected", "n"),
    ("true_positive_rate", "true positives", "n_pos"),
    ("false_positive_rate", "false positives", "n_neg"),
    ("precision_score", "precision", None),
)

MOST = 30  # each is an entry of the legend


@shows_names
def group_rates(by_group: pd.DataFrame, column: str | None = None, *, theme: Theme = "light") -> go.Figure:
    """Draw the rates of every group of one sensitive feature in percent: one row per rate, one colour and symbol per group.

    The first trace holds the gaps, a line from the lowest to the highest group of each rate; then one trace per group.

    Parameters
    ----------
    by_group : DataFrame
        `Audit.by_group`, indexed by (group column, group): some of accuracy_score, selection_rate, true_positive_rate,
        false_positive_rate, precision_score (fractions), and optionally n, n_pos, n_neg (examples). An undefined rate, NaN, is
        left out. Of more than 30 groups the 30 whose rates are furthest from the middle are drawn.
    column : str, optional
        The sensitive feature, such as "sex"; by default the first of the table.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When the table has no such feature or none of the rates.
    """
    if by_group.index.nlevels != 2:
        raise ValueError("group_rates needs an index of (group column, group); give Audit.by_group")
    columns = list(dict.fromkeys(by_group.index.get_level_values(0)))
    column = columns[0] if column is None and columns else column
    if column not in columns:
        raise ValueError(f"group_rates got the column {column!r}; the table has {', '.join(map(str, columns))}")
    groups = as_numbers(by_group.loc[column])
    rates = [rate for rate in RATES if rate[0] in groups]
    if not rates:
        raise ValueError("group_rates found no rate in the table; give Audit.by_group")
    names, keys = [name for _, name, _ in rates], [key for key, _, _ in rates]
    middle = groups[keys].to_numpy(float) - groups[keys].median().to_numpy(float)
    total, shown = len(groups), groups.iloc[largest(np.fmax.reduce(np.abs(middle), axis=1), MOST)]
    colours, palette = shades(theme), template(theme).layout.colorway
    figure = go.Figure(_gaps(groups[keys], names, colours.quiet))
    for turn, group in enumerate(shown.index):
        look = {"color": palette[turn % len(palette)], "symbol": SYMBOLS[turn % len(SYMBOLS)], "size": 12}
        figure.add_trace(_dots(shown.iloc[turn], str(group), rates, look))
    figure.update_layout(
        template=template(theme),
        height=150 + 40 * max(2, len(names)) + 10 * len(shown),
        uirevision=f"group_rates {column}",
        xaxis={"title": {"text": "rate (%)" + left_out(total, len(shown), "groups")}, "range": [-3, 103]},
        yaxis={"type": "category", "autorange": "reversed", "categoryorder": "array", "categoryarray": names},
    )
    return figure


def _gaps(table: pd.DataFrame, names: list[str], colour: str) -> go.Scatter:
    low, high = table.min().to_numpy(float) * PERCENT, table.max().to_numpy(float) * PERCENT
    return go.Scatter(
        x=np.stack([low, high, np.full(len(names), np.nan)], axis=1).ravel(),
        y=[name for name in names for _ in range(3)],
        mode="lines",
        line={"color": colour, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )


def _dots(group: pd.Series, name: str, rates: list[tuple], look: dict) -> go.Scatter:
    return go.Scatter(
        x=np.array([group[key] for key, _, _ in rates], dtype=float) * PERCENT,
        y=[label for _, label, _ in rates],
        mode="markers",
        name=f"{short(name)} ({int(group['n'])})" if "n" in group else short(name),
        marker=look,
        cliponaxis=False,
        hovertext=[_sentence(group, name, key, label, count) for key, label, count in rates],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _sentence(group: pd.Series, name: str, key: str, label: str, count: str | None) -> str:
    over = {"n": "examples", "n_pos": "positive examples", "n_neg": "negative examples"}
    of = f"<br>of {int(group[count])} {over[count]}" if count is not None and count in group else ""
    return f"<b>{name}</b>, {label}: {group[key] * PERCENT:.1f}%{of}"
