"""What can be drawn of the layers of a sparse training, and in which unit."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from labkit.figures.wording import PERCENT, needs

Quantity = Literal["fan_in", "active", "explored"]
TITLES: dict[str, str] = {
    "fan_in": "links of a neuron (fan-in)",
    "active": "neurons that have links (%)",
    "explored": "places that ever had a link (%)",
}
DIGITS = {"fan_in": ".3g", "active": ".1f", "explored": ".1f"}
ROW = 15  # pixels of a layer
LENGTH = 22  # letters of a layer's name beside an axis


def layer_values(layers: pd.DataFrame, what: Quantity, *, figure: str) -> pd.DataFrame:
    """Return step, layer and value, in the unit of `TITLES`; rows that do not know it are left out.

    The neurons of a layer are its column outputs or, where the frame has none, as many as ever had links.

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
    """Return a parameter's name as it stands beside an axis: without ".weight", its end where it is long.

    Examples
    --------
    >>> layer_title("blocks.0.mlp.fc1.weight"), layer_title("encoder.layers.encoder_layer_0.mlp.0.weight")
    ('blocks.0.mlp.fc1', '…encoder_layer_0.mlp.0')
    """
    name = layer.removesuffix(".weight")
    return name if len(name) <= LENGTH else "…" + name[-LENGTH + 1 :].lstrip(".")
