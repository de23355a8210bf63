"""Quantities of the layers of a sparse training, and their units."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from labkit.figures.base.wording import PERCENT, needs

Quantity = Literal["fan_in", "active", "explored"]
TITLES: dict[str, str] = {
    "fan_in": "fan-in (connections per neuron)",
    "active": "active neurons (%)",
    "explored": "positions ever connected (%)",
}
DIGITS = {"fan_in": ".3g", "active": ".1f", "explored": ".1f"}
ROW = 15  # pixels per layer
LENGTH = 22  # characters of the name of a layer beside an axis


def layer_values(layers: pd.DataFrame, what: Quantity, *, figure: str) -> pd.DataFrame:
    """Return step, layer and value, in the unit of `TITLES`; rows without a value are left out.

    The number of neurons of a layer is in its column outputs or, where the frame has none, the largest number of active ones.

    Parameters
    ----------
    layers : DataFrame
        Columns step, layer, `what` and optionally outputs.
    what : {"fan_in", "active", "explored"}
    figure : str
        Name of the figure, for messages.

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        When `what` is unknown, a column is missing, or a layer has several rows for one step.
    """
    if what not in TITLES:
        raise ValueError(f"{figure} draws {', '.join(TITLES)}, got {what!r}")
    needs(layers, ("step", "layer", what), figure=figure, advice="give the table layers of a sparse training")
    if layers.duplicated(["step", "layer"]).any():
        raise ValueError(f"{figure} draws one training, and a layer has several rows for one step; filter the frame first")
    values = layers[what].astype(float)
    if what == "active":
        most = layers.groupby("layer", sort=False)["active"].transform("max")
        values = PERCENT * values / layers.get("outputs", most)
    elif what == "explored":
        values = PERCENT * values
    return layers[["step", "layer"]].assign(value=values).dropna()


def layer_title(layer: str) -> str:
    """Return the name of a parameter as written beside an axis: without ".weight", and only its end where it is long.

    Parameters
    ----------
    layer : str

    Returns
    -------
    str

    Examples
    --------
    >>> layer_title("blocks.0.mlp.fc1.weight"), layer_title("encoder.layers.encoder_layer_0.mlp.0.weight")
    ('blocks.0.mlp.fc1', '…encoder_layer_0.mlp.0')
    """
    name = layer.removesuffix(".weight")
    return name if len(name) <= LENGTH else "…" + name[-LENGTH + 1 :].lstrip(".")
