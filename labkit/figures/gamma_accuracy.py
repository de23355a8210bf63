"""How eagerly SRigL gives neurons up: accuracy over gamma_sal."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.means import MEANS, in_words, reach, whiskers
from labkit.figures.template import Theme, template
from labkit.figures.topologies import looks
from labkit.figures.wording import PERCENT, needs

COLUMNS = ("gamma_sal", *MEANS)


def gamma_accuracy(cells: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw accuracy in percent over gamma_sal with intervals; below each value the share of the empty neurons.

    Values stand side by side at equal distances.

    Parameters
    ----------
    cells : DataFrame, a row a gamma_sal
        Columns gamma_sal, mean, low, high (fractions) and optionally seeds and empty (share of the neurons
        without links, fraction).
    theme : {"light", "dark"}

    Raises
    ------
    ValueError
        When a column is missing, or a gamma_sal comes twice.
    """
    needs(cells, COLUMNS, figure="gamma_accuracy", advice="give what labkit.audit.over_seeds returns")
    if cells["gamma_sal"].duplicated().any():
        raise ValueError("gamma_accuracy draws one network at one sparsity, and a gamma_sal comes twice; filter the cells first")
    rows = cells.sort_values("gamma_sal")
    empty = rows["empty"] if "empty" in rows else pd.Series(float("nan"), index=rows.index)
    told = ["" if pd.isna(share) else f"{PERCENT * share:.0f} %" for share in empty]
    look = looks(["srigl"], theme)["srigl"]
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(rows))),
            y=rows["mean"].to_numpy(float) * PERCENT,
            mode="lines+markers",
            line={"color": look.colour, "width": look.width},
            marker={"color": look.colour, "symbol": look.symbol, "size": 10},
            error_y=whiskers(rows),
            hovertext=[
                f"gamma_sal {row.gamma_sal:g}<br>{in_words(row)}" + (f"<br>{share} of the neurons are empty" if share else "")
                for row, share in zip(rows.itertuples(), told, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.update_layout(
        template=template(theme),
        height=360,
        uirevision="gamma_accuracy",
        hovermode="closest",
        xaxis={
            "title": {"text": "gamma_sal" + (", below it the empty neurons" if any(told) else "")},
            "tickvals": list(range(len(rows))),
            "ticktext": [f"{value:g}<br>{share}" for value, share in zip(rows["gamma_sal"], told, strict=True)],
            "range": [-0.5, max(1, len(rows)) - 0.5],
        },
        yaxis={"title": {"text": "test accuracy (%)"}, **reach([rows])},
    )
    return figure
