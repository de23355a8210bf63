"""Differences in accuracy between one rule of sparse training and others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.intervals import intervals
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import shades
from labkit.figures.base.template import Theme
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.training.rules import rule_title

COLUMNS = ("sparsity", "other", "mean", "low", "high")


@shows_names
def rule_contrasts(
    found: pd.DataFrame, *, rule: str = "srigl", titles: Mapping[str, str] | None = None, theme: Theme = "light"
) -> go.Figure:
    """Draw the accuracy of a rule minus that of others, in percentage points with intervals and a line at 0.

    Parameters
    ----------
    found : DataFrame, one row per (sparsity, other)
        As `labkit.runs.contrasts` returns it, for one network: columns sparsity, other (a rule), mean, low, high (fractions). Rows
        with an infinite interval, as of one pair, are left out.
    rule : str
        The rule that is compared.
    titles : mapping of str to str, optional
        Titles of rules; see `rule_title`.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(found, COLUMNS, figure="rule_contrasts", advice="give what labkit.runs.contrasts returns")
    known = found[np.isfinite(found["low"].astype(float)) & np.isfinite(found["high"].astype(float))]
    own = rule_title(rule, titles)
    names = [
        f"{PERCENT * sparsity:g} %: {own} − {rule_title(str(other), titles)}"
        for sparsity, other in zip(known["sparsity"], known["other"], strict=True)
    ]
    table = (PERCENT * known[["mean", "low", "high"]].astype(float)).set_axis(["value", "low", "high"], axis=1)
    figure = intervals(table.set_axis(names), label="difference in accuracy", unit="pp", theme=theme)
    figure.add_vline(x=0, line={"color": shades(theme).ink, "width": 1})
    return figure.update_layout(height=100 + 30 * max(1, len(table)), uirevision="rule_contrasts")
