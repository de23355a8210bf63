"""Speed of sparse layers and networks relative to dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.log_ticks import log_ticks
from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import SYMBOLS, Shades, shades
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import needs, short

LAYER = ("batch", "what", "median_us", "low_us", "high_us")
NETWORK = ("model", "batch", "what", "median_ms", "low_ms", "high_ms", "ratio_to_dense")
# an implementation keeps its colour and symbol, whichever others are drawn
FORMS = ("ours", "torch CSR", "scipy CSR", "gather")
LOG_FROM = 20
RATIO = 64  # pixels right of the axis, for the ratio of the longest bar


@shows_names
def kernel_speed(rows: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw the speed-up over dense of each implementation of a layer, over the batch size.

    One trace per implementation, "ours" first; "dense" is the last trace and the line at 1. Whiskers are quartiles of the
    implementation, relative to the median of dense.

    Parameters
    ----------
    rows : DataFrame, one row per (batch, implementation)
        Of one layer, sparsity and mode: columns batch (examples), what (implementation), median_us, low_us, high_us (µs), as
        `labkit.kernels.speed.measure` returns them, with a row "dense" for each batch.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, a time is not above 0, a batch has no dense row, or an implementation has two rows for a batch.
    """
    needs(rows, LAYER, figure="kernel_speed", advice="give rows of labkit.kernels.speed.measure")
    _once(rows, ["batch", "what"], "kernel_speed", "one layer, one sparsity and one mode")
    _positive(rows, ["low_us", "median_us", "high_us"], "kernel_speed")
    dense = rows[rows["what"] == "dense"].set_index("batch")["median_us"]
    alone = sorted(set(rows["batch"]) - set(dense.index))
    if alone:
        raise ValueError(f"kernel_speed compares with dense, and batch {alone[0]} has no row of it; measure dense too")
    base = rows["batch"].map(dense)
    speeds = rows.assign(ratio=base / rows["median_us"], slow=base / rows["high_us"], fast=base / rows["low_us"])
    colours, palette = shades(theme), template(theme).layout.colorway
    names = [*FORMS, *(name for name in rows["what"].unique() if name not in (*FORMS, "dense"))]
    figure = go.Figure()
    for turn, name in enumerate(names):
        look = {"color": palette[turn % len(palette)], "symbol": SYMBOLS[turn % len(SYMBOLS)], "size": 11 if name == "ours" else 8}
        if name in set(rows["what"]):
            figure.add_trace(_line(speeds[speeds["what"] == name], name, look, 3 if name == "ours" else 1.5))
    figure.add_trace(_line(speeds[speeds["what"] == "dense"], "dense", {"color": colours.quiet, "symbol": "circle", "size": 5}, 1))
    figure.add_hline(y=1, line={"color": colours.ink, "width": 1, "dash": "dot"}, layer="below")
    figure.update_layout(
        template=template(theme),
        height=440,
        uirevision="kernel_speed",
        hovermode="closest",
        xaxis={
            "title": {"text": "batch size (examples)"},
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [str(batch) for batch in sorted(dense.index)],
        },
        yaxis={"title": {"text": "times as fast as dense"}, **(log_ticks([*speeds["slow"], *speeds["fast"]]) if len(rows) else {})},
    )
    return figure


@shows_names
def end_to_end_speed(rows: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw the milliseconds of whole networks, dense and ours, with the speed-up.

    Three traces: "dense", "ours", and the speed-ups as text, right of each pair. Network and batch of the first row are on top.

    Parameters
    ----------
    rows : DataFrame, one row per (model, batch, implementation)
        Of one sparsity: columns model, batch (examples), what ("dense", "ours"; others are left out), median_ms, low_ms, high_ms
        (ms), ratio_to_dense.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing, a time is not above 0, or an implementation has several rows for one network and batch.

    Notes
    -----
    Bars from zero; where the longest time is more than 20 times the shortest, dots on a logarithmic axis.
    """
    needs(rows, NETWORK, figure="end_to_end_speed", advice="give the rows of benchmarks/vit_end_to_end.py")
    _once(rows, ["model", "batch", "what"], "end_to_end_speed", "one sparsity")
    _positive(rows, ["low_ms", "median_ms", "high_ms"], "end_to_end_speed")
    pairs = rows[rows["what"].isin(["dense", "ours"])]
    pairs = pairs.assign(place=pairs["model"].astype(str) + "<br>batch " + pairs["batch"].astype(str))
    places = list(pairs["place"].unique())
    colours, palette = shades(theme), template(theme).layout.colorway
    ours = pairs[pairs["what"] == "ours"]
    axis = _milliseconds(pairs)
    # a bar has a length, and a logarithmic axis no zero to measure it from
    draw = _dots if axis.get("type") == "log" else _bars
    figure = go.Figure(
        [
            draw(pairs[pairs["what"] == "dense"], "dense", colours.quiet, colours),
            draw(ours, "ours", palette[0], colours),
            go.Scatter(
                x=[pairs.loc[pairs["place"] == place, "high_ms"].max() for place in ours["place"]],
                y=ours["place"],
                mode="text",
                text=[f"  {ratio:.2f}×" for ratio in ours["ratio_to_dense"]],
                textposition="middle right",
                cliponaxis=False,
                hoverinfo="skip",
                showlegend=False,
            ),
        ]
    )
    figure.update_layout(
        template=template(theme),
        height=130 + 62 * max(1, len(places)),
        uirevision="end_to_end_speed",
        barmode="group",
        bargap=0.35,
        margin={"r": RATIO},
        xaxis={"title": {"text": "time of one batch (ms)"}, **axis},
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "categoryorder": "array",
            "categoryarray": places,
            "tickvals": places,
            "ticktext": ["<br>".join(short(line) for line in place.split("<br>")) for place in places],
        },
    )
    return figure


def _once(rows: pd.DataFrame, columns: list[str], figure: str, wanted: str) -> None:
    """Raise a ValueError for a frame with two rows of equal `columns`."""
    twice = rows[rows.duplicated(columns)]
    if len(twice):
        where = ", ".join(f"{name} {twice.iloc[0][name]}" for name in columns)
        raise ValueError(f"{figure} draws {wanted}, and the rows hold several for {where}; filter them first")


def _positive(rows: pd.DataFrame, columns: list[str], figure: str) -> None:
    for name in columns:
        wrong = rows.loc[~(rows[name] > 0), name]
        if len(wrong):
            raise ValueError(f"{figure} needs times above 0, got {wrong.iloc[0]} in {name}; leave that row out or measure it again")


def _line(rows: pd.DataFrame, name: str, look: dict, width: float) -> go.Scatter:
    rows = rows.sort_values("batch")
    return go.Scatter(
        x=[str(batch) for batch in rows["batch"]],
        y=rows["ratio"].to_numpy(float),
        mode="lines+markers",
        name=name,
        line={"color": look["color"], "width": width},
        marker=look,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": (rows["fast"] - rows["ratio"]).to_numpy(float),
            "arrayminus": (rows["ratio"] - rows["slow"]).to_numpy(float),
            "thickness": 1,
            "width": 3,
        },
        hovertext=[
            f"<b>{name}</b>, batch {row.batch}: {row.ratio:.3g} times as fast as dense<br>"
            f"{row.median_us:,.4g} µs (quartiles {row.low_us:,.4g} to {row.high_us:,.4g})"
            for row in rows.itertuples()
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _bars(rows: pd.DataFrame, name: str, colour: str, colours: Shades) -> go.Bar:
    return go.Bar(orientation="h", marker={"color": colour}, **_times(rows, name, colours))


def _dots(rows: pd.DataFrame, name: str, colour: str, colours: Shades) -> go.Scatter:
    symbol = "circle" if name == "ours" else "circle-open"
    return go.Scatter(mode="markers", marker={"color": colour, "size": 12, "symbol": symbol}, **_times(rows, name, colours))


def _times(rows: pd.DataFrame, name: str, colours: Shades) -> dict[str, Any]:
    """Return what bars and dots share: medians, quartiles, and what a pointer tells."""
    middle, low, high = (rows[key].to_numpy(float) for key in ("median_ms", "low_ms", "high_ms"))
    return {
        "x": middle,
        "y": rows["place"],
        "name": name,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": high - middle,
            "arrayminus": middle - low,
            "thickness": 1,
            "width": 3,
            "color": colours.ink,
        },
        "hovertext": [
            f"<b>{row.model}</b>, batch {row.batch}, {name}<br>"
            f"{row.median_ms:,.4g} ms (quartiles {row.low_ms:,.4g} to {row.high_ms:,.4g})"
            for row in rows.itertuples()
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _milliseconds(pairs: pd.DataFrame) -> dict:
    """Linear from 0, or logarithmic where the times span decades."""
    if pairs.empty:
        return {}
    least, most = pairs["median_ms"].min(), pairs["high_ms"].max()
    if most / least <= LOG_FROM:
        return {"range": [0, most]}
    return {**log_ticks([least, most], few=True), "range": [np.log10(least) - 0.5, np.log10(most)], "tickangle": 0}
