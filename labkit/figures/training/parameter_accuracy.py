"""Accuracy over the values of one parameter."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.means import MEANS, in_words, reach, whiskers
from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs

OTHERS = (*MEANS, "seeds", "empty")


@shows_names
def parameter_accuracy(cells: pd.DataFrame, *, parameter: str | None = None, theme: Theme = "light") -> go.Figure:
    """Draw accuracy in percent over the values of a parameter, with intervals and, below each value, the share of empty neurons.

    Values are spaced equally.

    Parameters
    ----------
    cells : DataFrame, one row per value
        Columns `parameter`, mean, low, high (fractions) and optionally seeds and empty (fraction of the neurons without
        connections), as `labkit.audit.over_seeds` returns them.
    parameter : str, optional
        Column of the values; by default the first that is none of the others.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, or a value occurs twice.
    """
    name = parameter or next((column for column in cells.columns if column not in OTHERS), "parameter")
    needs(cells, (name, *MEANS), figure="parameter_accuracy", advice="give what labkit.audit.over_seeds returns")
    if cells[name].duplicated().any():
        raise ValueError(f"parameter_accuracy draws one row per value, and a {name} occurs twice; filter the cells first")
    rows = cells.sort_values(name)
    empty = rows["empty"] if "empty" in rows else pd.Series(float("nan"), index=rows.index)
    shares = ["" if pd.isna(share) else f"{PERCENT * share:.0f} %" for share in empty]
    values, colour = _texts(rows[name]), template(theme).layout.colorway[0]
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(rows))),
            y=rows["mean"].to_numpy(float) * PERCENT,
            mode="lines+markers",
            line={"color": colour, "width": 3},
            marker={"color": colour, "symbol": "circle", "size": 10},
            error_y=whiskers(rows),
            hovertext=[
                f"{name} {value}<br>{in_words(row)}" + (f"<br>{share} of the neurons are empty" if share else "")
                for row, value, share in zip(rows.itertuples(), values, shares, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.update_layout(
        template=template(theme),
        height=360,
        uirevision=f"parameter_accuracy {name}",
        hovermode="closest",
        xaxis={
            "title": {"text": name + (" (below: empty neurons)" if any(shares) else "")},
            "tickvals": list(range(len(rows))),
            "ticktext": [f"{value}<br>{share}" for value, share in zip(values, shares, strict=True)],
            "range": [-0.5, max(1, len(rows)) - 0.5],
        },
        yaxis={"title": {"text": "test accuracy (%)"}, **reach([rows])},
    )
    return figure


def _texts(values: Iterable) -> list[str]:
    return [f"{value:g}" if isinstance(value, (int, float)) else str(value) for value in values]
