"""Quality over the budget, for families of compression methods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs

COLUMNS = ("method", "family", "kind", "budget", "mean", "high")
DASHES = ("solid", "dot", "dash", "dashdot", "longdash")


@shows_names
def budget_quality(
    cells: pd.DataFrame, *, y_label: str = "quality (%)", reference: float | None = None, theme: Theme = "light"
) -> go.Figure:
    """Draw quality in percent over the budget, one line per method: a colour per family, a dash per kind within it.

    Parameters
    ----------
    cells : DataFrame, one row per (method, budget)
        Columns method (name), family, kind (e.g. "activation-aware"; kinds take their dash in order of appearance), budget, mean,
        high (upper end of the interval), all fractions, and optionally seeds. Only rows of several seeds have a whisker.
    y_label : str
        Title of the vertical axis.
    reference : float, optional
        Quality of the uncompressed network (fraction), a horizontal line.
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        One trace per method, its name in ``meta``; the legend has an entry for each family.

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(cells, COLUMNS, figure="budget_quality", advice="give what labkit.audit.over_seeds returns, with family and kind")
    figure, palette = go.Figure(), template(theme).layout.colorway
    families = {name: place for place, name in enumerate(dict.fromkeys(cells["family"]))}
    kinds = {name: DASHES[place % len(DASHES)] for place, name in enumerate(dict.fromkeys(cells["kind"]))}
    named: set[str] = set()
    for (method, family, kind), rows in cells.groupby(["method", "family", "kind"], sort=False):
        line = rows.sort_values("budget")
        several = line["seeds"] > 1 if "seeds" in line else pd.Series(True, index=line.index)
        whisker = (PERCENT * (line["high"] - line["mean"])).where(several & np.isfinite(line["high"]))
        figure.add_scatter(
            x=PERCENT * line["budget"],
            y=PERCENT * line["mean"],
            mode="lines+markers",
            name=str(family),
            legendgroup=str(family),
            showlegend=family not in named,
            meta=str(method),
            line={"color": palette[families[family] % len(palette)], "dash": kinds[kind]},
            error_y={"array": whisker, "thickness": 1},
            hovertemplate="%{meta}: %{y:.2f} %<extra></extra>",
        )
        named.add(family)
    if reference is not None:
        figure.add_hline(y=PERCENT * reference, line_width=1, annotation_text="uncompressed")
    ticks = sorted({round(PERCENT * budget, 6) for budget in cells["budget"]})
    return figure.update_layout(
        template=template(theme),
        height=560,
        uirevision="budget_quality",
        xaxis={"title": {"text": "bytes left (%)"}, "type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]},
        yaxis={"title": {"text": y_label}},
    )
