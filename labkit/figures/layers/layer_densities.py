"""How a sparsity is distributed over the layers of a network."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.base.names import shows_names
from labkit.figures.base.shades import SYMBOLS
from labkit.figures.base.template import Theme, template
from labkit.figures.base.wording import PERCENT, needs
from labkit.figures.layers.layer_quantities import layer_title

COLUMNS = ("distribution", "layer", "density", "fan_in", "macs")


@shows_names
def layer_densities(layers: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Draw density and fan-in of every layer, one colour and symbol per distribution, with the multiplications each one needs.

    Parameters
    ----------
    layers : DataFrame, one row per (distribution, layer)
        Columns distribution (name), layer, density (fraction of nonzeros), fan_in (connections per neuron), macs (of the dense
        layer).
    theme : {"light", "dark"}

    Returns
    -------
    Figure
        Two traces per distribution: density on the left; fan-in on the right, on a logarithmic axis with a line at 1.

    Raises
    ------
    ValueError
        When a column is missing.
    """
    needs(layers, COLUMNS, figure="layer_densities", advice="add them to the table")
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.03)
    palette = template(theme).layout.colorway
    names = [layer_title(name) for name in dict.fromkeys(layers["layer"])]
    for turn, (name, rows) in enumerate(layers.groupby("distribution", sort=False)):
        share = (rows["density"] * rows["macs"]).sum() / rows["macs"].sum()
        marker = {"size": 10, "symbol": SYMBOLS[turn % len(SYMBOLS)], "color": palette[turn % len(palette)]}
        look = {"mode": "markers", "marker": marker, "y": [layer_title(layer) for layer in rows["layer"]]}
        label = f"{name}: {PERCENT * share:.1f} % of the multiplications"
        figure.add_scatter(x=rows["density"], name=label, row=1, col=1, **look)
        figure.add_scatter(x=rows["fan_in"], showlegend=False, row=1, col=2, **look)
    figure.add_vline(x=1, line_dash="dot", row=1, col=2)
    figure.update_xaxes(title_text="density", range=[0, 1.02], row=1, col=1)
    figure.update_xaxes(title_text="fan-in (connections per neuron)", type="log", range=[-1, 3], row=1, col=2)
    figure.update_yaxes(autorange="reversed", dtick=1, tickfont_size=11, type="category")
    return figure.update_layout(template=template(theme), height=120 + 22 * max(1, len(names)), legend_y=1.03)
