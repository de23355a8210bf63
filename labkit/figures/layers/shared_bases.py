"""Which feed-forward blocks share a basis, and the bytes of bases and factors relative to the dense weights."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import Shades, shades
from labkit.figures.base.template import Theme, corner_title, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.layers.layer_quantities import layer_title

COLUMNS = ("block", "layer", "group", "width", "rank", "hidden", "nonzeros", "base_bytes", "factor_bytes", "dense_bytes")
ROW = 24  # pixels per block
TINT = 0.35  # opacity of a cell, so that its number is readable on every colour and background
KB = 1000.0


@shows_names
def shared_bases(layers: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw one row per block in network order, and above the first block of a group a row for the basis that its blocks share.

    One colour per group. On the left one cell per layer with the nonzeros of its factor, on the right bytes. Five traces: on the
    left "factors" and "bases", on the right "before", "factors", "bases".

    Parameters
    ----------
    layers : DataFrame, one row per layer
        As `labkit.compress.sharing` returns it: columns block, layer (names), group (number of the basis), width, rank, hidden,
        nonzeros (of the factor), base_bytes, factor_bytes, dense_bytes.
    theme : {"light", "dark"}

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(layers, COLUMNS, figure="shared_bases", advice="give labkit.compress.sharing of a network whose layers share bases")
    colours, palette = shades(theme), template(theme).layout.colorway
    rows = _rows(layers)
    beside = layers.groupby("block", sort=False)["layer"]
    table = layers.assign(turn=beside.cumcount(), row=[rows[block] for block in layers["block"]])
    table["colour"] = [palette[group % len(palette)] for group in table["group"]]
    bases = table.drop_duplicates("group").assign(row=lambda first: [rows[group] for group in first["group"]])
    columns = int(table["turn"].max() + 1) if len(table) else 1
    figure = go.Figure([_cells(table, colours), _base_cells(bases, columns, colours), *_bars(table, bases, colours)])
    before, after = table["dense_bytes"].sum() / KB, (table["factor_bytes"].sum() + bases["base_bytes"].sum()) / KB
    share = f" ({PERCENT * after / before:.0f} %)" if before else ""
    widest = max([*table.groupby("row")["dense_bytes"].sum(), *bases["base_bytes"], 1]) / KB
    figure.update_layout(
        template=template(theme),
        height=140 + ROW * max(1, len(rows)),
        uirevision="shared_bases",
        hovermode="closest",
        barmode="overlay",
        margin={"t": 56},
        showlegend=True,
        legend={"itemclick": False, "itemdoubleclick": False, "x": 1, "xanchor": "right"},
        title=corner_title(f"<b>{after:,.0f} of {before:,.0f} kB remain{share}</b>", 8),
        xaxis={
            "title": {"text": "nonzeros of the factors"},
            "domain": [0, 0.44],
            "range": [0, columns],
            "showgrid": False,
            "tickvals": [turn + 0.5 for turn in range(columns)],
            "ticktext": [_column_title(table[table["turn"] == turn]) for turn in range(columns)],
        },
        xaxis2={"title": {"text": "weights (kB)"}, "domain": [0.48, 1], "range": [0, 1.02 * widest], "nticks": 4},
        yaxis={
            "range": [len(rows) - 0.5, -0.5],
            "showgrid": False,
            "tickvals": list(rows.values()),
            "ticktext": [f"basis {name}" if isinstance(name, int) else layer_title(name) for name in rows],
            "tickfont": {"size": 11},
        },
    )
    return figure


def _rows(layers: pd.DataFrame) -> dict[str | int, int]:
    """Map each block, or number of a basis, to its row from the top."""
    order: list[str | int] = []
    for block, group in zip(layers["block"], layers["group"], strict=True):
        order += [int(group), str(block)]
    return {name: place for place, name in enumerate(dict.fromkeys(order))}


def _column_title(layers: pd.DataFrame) -> str:
    """Return the common name of the layers of a column, or "" where blocks differ."""
    names = {layer.removeprefix(f"{block}.") for block, layer in zip(layers["block"], layers["layer"], strict=True)}
    return layer_title(names.pop()) if len(names) == 1 else ""


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{TINT})"


def _cells(layers: pd.DataFrame, colours: Shades) -> go.Bar:
    return _row_bars(
        layers,
        name="factors",
        x=[0.98] * len(layers),
        base=layers["turn"] + 0.01,
        text=[f"{count:,}" for count in layers["nonzeros"]],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        insidetextfont={"color": colours.ink, "size": 12},
        marker={"color": [_faint(colour) for colour in layers["colour"]], "line": {"width": 0}},
        hovertext=_factor_hover(layers),
    )


def _base_cells(bases: pd.DataFrame, columns: int, colours: Shades) -> go.Bar:
    return _row_bars(
        bases,
        name="bases",
        x=[columns - 0.02] * len(bases),
        base=[0.01] * len(bases),
        text=[f"rank {rank}" for rank in bases["rank"]],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        insidetextfont={"color": colours.ink, "size": 12},
        marker={"color": [_faint(colour) for colour in bases["colour"]], "line": {"width": 2, "color": list(bases["colour"])}},
        hovertext=_base_hover(bases),
    )


def _bars(layers: pd.DataFrame, bases: pd.DataFrame, colours: Shades) -> list[go.Bar]:
    """Return the bars of bytes: of each block before compression, and in front of it those of its factors."""
    blocks = layers.groupby(["block", "row"], sort=False)[["dense_bytes", "factor_bytes"]].sum().reset_index()
    said = [
        f"<b>{row.block}</b><br>{row.dense_bytes / KB:,.1f} kB before, {row.factor_bytes / KB:,.1f} kB of factors after compression"
        for row in blocks.itertuples()
    ]
    side = {"xaxis": "x2"}
    return [
        _row_bars(
            blocks,
            name="before",
            x=blocks["dense_bytes"] / KB,
            base=[0] * len(blocks),
            marker={"color": colours.quiet, "opacity": TINT},
            hovertext=said,
            showlegend=True,
            **side,
        ),
        _row_bars(
            layers,
            name="factors",
            x=layers["factor_bytes"] / KB,
            base=(layers.groupby("block", sort=False)["factor_bytes"].cumsum() - layers["factor_bytes"]) / KB,
            marker={"color": list(layers["colour"]), "line": {"width": 1, "color": colours.neutral}},
            hovertext=_factor_hover(layers),
            **side,
        ),
        _row_bars(
            bases,
            name="bases",
            x=bases["base_bytes"] / KB,
            base=[0] * len(bases),
            marker={"color": list(bases["colour"])},
            hovertext=_base_hover(bases),
            **side,
        ),
    ]


def _row_bars(frame: pd.DataFrame, **look: object) -> go.Bar:
    lists = {name: list(look.pop(name)) for name in ("x", "base")}  # type: ignore[call-overload]
    shown = {"orientation": "h", "hovertemplate": "%{hovertext}<extra></extra>", "width": 0.85, "showlegend": False}
    return go.Bar(**{**shown, **lists, "y": list(frame["row"]), **look})


def _factor_hover(layers: pd.DataFrame) -> list[str]:
    return [
        f"<b>{row.layer}</b> = basis {row.group} × factor<br>"
        f"{row.nonzeros:,} of {row.rank} × {row.hidden} entries of the factor are nonzero<br>"
        f"{row.factor_bytes / KB:,.1f} kB; the dense weight had {row.dense_bytes / KB:,.1f} kB"
        for row in layers.itertuples()
    ]


def _base_hover(bases: pd.DataFrame) -> list[str]:
    return [
        f"<b>basis {row.group}</b>, {row.width} × {row.rank}, stored once: {row.base_bytes / KB:,.1f} kB"
        for row in bases.itertuples()
    ]
