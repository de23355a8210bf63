"""Accuracy against cost, with the Pareto front."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.log_ticks import log_ticks
from labkit.figures.base.names import shows_names
from labkit.figures.base.selection import ring
from labkit.figures.base.shades import SYMBOLS, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.tradeoffs.pareto_front import pareto_front

COLUMNS = ("accuracy", "accuracy_low", "accuracy_high", "label", "series")
MANY = 8  # entries of the legend in one column
LOG_FROM = 20
PLACE = ("_x", "_x_low", "_x_high")  # of a point, in the units of the axis


@shows_names
def pareto(
    frame: pd.DataFrame,
    *,
    x: str = "bytes",
    x_label: str = "",
    x_unit: str = "",
    scale: float = 1.0,
    better: Literal["lower", "higher"] = "lower",
    intervals: bool = False,
    front_label: str = "best for its size",
    selected: str | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Draw accuracy in percent against the cost of runs, with the Pareto front.

    The first trace is the front, then one per series in order of appearance, last the reference. The customdata of a point is
    ``[run id]``.

    Parameters
    ----------
    frame : DataFrame, one row per run
        Indexed by run id; columns accuracy, accuracy_low, accuracy_high (fractions), `x`, label (for the hover text), series (one
        colour and symbol each) and optionally reference (bool: drawn as a star, with a line at its accuracy) and detail (a further
        line of the hover text). Rows without `x` or accuracy are left out.
    x : str
        Column of the horizontal axis.
    x_label, x_unit : str
        Name and unit of the axis; by default the name of the column, without a unit.
    scale : float
        `x` is divided by it: 1e6 converts bytes to MB.
    better : {"lower", "higher"}
        Which `x` is better.
    intervals : bool
        Whether the columns ``X_low`` and ``X_high`` hold the interval of `x`. The front is then that of `pareto_front` with
        intervals, points have horizontal whiskers, and runs without an interval are open marks that are never on the front.
    front_label : str
        Legend entry of the front.
    selected : str, optional
        Row of the index that gets a ring.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, `scale` is not positive or `better` is another word.

    Notes
    -----
    The axis is logarithmic where its largest value is more than 20 times the smallest.
    """
    ends = (f"{x}_low", f"{x}_high") if intervals else ()
    needs(frame, (*COLUMNS, x, *ends), figure="pareto", advice="add them to the frame")
    if better not in ("lower", "higher"):
        raise ValueError(f"better must be 'lower' or 'higher', got {better!r}")
    if not scale > 0:
        raise ValueError(f"scale must be above 0, got {scale}; 1e6 converts bytes to MB")
    x_label = x_label or x
    known = frame[frame[x].notna() & frame["accuracy"].notna()]
    points = known.assign(
        **{name: known[column].astype(float) / scale for name, column in zip(PLACE, (x, *(ends or (x, x))), strict=True)}
    )
    reference = points["reference"].fillna(False).astype(bool) if "reference" in points else pd.Series(False, index=points.index)
    colours, palette = shades(theme), template(theme).layout.colorway
    unit = f" {x_unit}" if x_unit else ""
    figure = go.Figure(_front(points, front_label, colours.quiet, better))
    for turn, (series, rows) in enumerate(points[~reference].groupby("series", sort=False)):
        look = {"color": palette[turn % len(palette)], "symbol": SYMBOLS[turn % len(SYMBOLS)], "size": 10}
        figure.add_trace(_dots(rows, str(series), look, x_label, unit))
    if reference.any():
        look = {"color": colours.ink, "symbol": "star", "size": 15}
        figure.add_trace(_dots(points[reference], "reference", look, x_label, unit))
        for accuracy in points.loc[reference, "accuracy"].unique():
            figure.add_hline(y=accuracy * PERCENT, line={"color": colours.quiet, "width": 1, "dash": "dot"}, layer="below")
    if selected in points.index:
        here = points.loc[[selected]]
        figure.add_trace(ring(here["_x"].to_numpy(float), here["accuracy"].to_numpy(float) * PERCENT, theme=theme))
    figure.update_layout(
        template=template(theme),
        height=480,
        uirevision=f"pareto {x}",
        hovermode="closest",
        xaxis={
            "title": {"text": f"{x_label} ({x_unit})" if x_unit else x_label},
            **_axis(points[list(PLACE)].to_numpy(float).ravel()),
        },
        yaxis={"title": {"text": "accuracy (%)"}},
        # two columns also on a narrow page: in one, many entries would leave no room for the plot
        **({"legend": {"entrywidthmode": "fraction", "entrywidth": 0.5}} if len(figure.data) > MANY else {}),
    )
    return figure


def _axis(values: np.ndarray) -> dict:
    """Return a logarithmic axis where the values span decades."""
    values = values[~np.isnan(values)]
    if not len(values) or values.min() <= 0 or values.max() / values.min() <= LOG_FROM:
        return {"type": "linear", "rangemode": "tozero"}
    return log_ticks(values)


def _front(points: pd.DataFrame, name: str, colour: str, better: str) -> go.Scatter:
    rows = points[[*PLACE, "accuracy"]].reset_index(drop=True)
    sign = 1 if better == "lower" else -1
    x, low, high = PLACE if sign > 0 else (PLACE[0], PLACE[2], PLACE[1])
    best = rows.loc[pareto_front(rows.assign(**{end: sign * rows[end] for end in PLACE}), x, low=low, high=high)]
    return go.Scatter(
        x=best["_x"].to_numpy(float),
        y=best["accuracy"].to_numpy(float) * PERCENT,
        mode="lines",
        name=name,
        line={"shape": "hv", "width": 1.5, "color": colour},
        hoverinfo="skip",
    )


def _dots(rows: pd.DataFrame, name: str, look: dict, x_label: str, unit: str) -> go.Scatter:
    accuracy, low, high = (rows[key].to_numpy(float) * PERCENT for key in ("accuracy", "accuracy_low", "accuracy_high"))
    x, left, right = (rows[key].to_numpy(float) for key in PLACE)
    unknown = np.isnan(left) | np.isnan(right)
    if unknown.any():
        look = {**look, "symbol": [f"{look['symbol']}-open" if open_ else look["symbol"] for open_ in unknown]}
    return go.Scatter(
        x=x,
        y=accuracy,
        mode="markers",
        name=name,
        marker=look,
        error_y=_whiskers(low, accuracy, high),
        error_x=_whiskers(left, x, right) if (left != right).any() else None,
        customdata=[[run] for run in rows.index],
        hovertext=[
            f"<b>{row['label']}</b><br>accuracy {a:.2f} % (interval {lo:.2f} % to {hi:.2f} %)<br>{_said(row, x_label, unit)}"
            for a, lo, hi, (_, row) in zip(accuracy, low, high, rows.iterrows(), strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _said(row: pd.Series, x_label: str, unit: str) -> str:
    """Return the line on the horizontal axis, and the further one."""
    value, low, high = (float(row[key]) for key in PLACE)
    text = f"{x_label}: {value:.4g}{unit}"
    if low != low or high != high:
        text += " (no interval stored: cannot tell)"
    elif low != high:
        text += f" (interval {low:.4g}{unit} to {high:.4g}{unit})"
    detail = row.get("detail")
    return f"{text}<br>{detail}" if isinstance(detail, str) and detail else text


def _whiskers(low: np.ndarray, value: np.ndarray, high: np.ndarray) -> dict:
    return {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 1, "width": 0}
