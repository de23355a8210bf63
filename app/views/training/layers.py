"""What happens inside one sparse training: its layers, and the connections of one of them over the steps."""

from pathlib import Path

import pandas as pd
import streamlit as st

from common.charts import Drawn, chart, drawn
from common.shell import figure, theme
from common.words import plain
from labkit import figures, models, sparsify
from labkit.stamps import Stamp, stamp
from views.training.stored import table_of

QUANTITIES = {"fan-in": "fan_in", "active neurons": "active", "explored": "explored"}
STATES = {
    "fan_in": "hollow is the start, filled the end. Connections of ablated neurons go to the others of the layer.",
    "active": "hollow is the start, filled the end. Below 100 % some neurons have no connections: they are empty and cost nothing.",
    "explored": "the fraction of all positions that had a connection at some step. The higher it is, the more the training tried.",
}


@st.fragment
def training_layers(training: pd.Series) -> None:
    """Draw the layers at both ends and over the steps."""
    layers = table_of(training["folder"], str(training.name), "layers")
    if layers is None:
        st.info("This training stored nothing about its layers: a dense one has no connections that change.")
        return
    known = models.neurons(training["network"]) if training["network"] in models.NAMES else {}
    if set(layers["layer"]) <= known.keys():
        layers = layers.assign(outputs=layers["layer"].map(known))
    st.markdown("### The layers")
    quantity = st.segmented_control(
        "what", list(QUANTITIES), default="fan-in", required=True, key="quantity", bind="query-params", label_visibility="collapsed"
    )
    what = QUANTITIES[quantity]
    figure(chart(figures.layer_states, layers, what=what, theme=theme()), STATES[what], alt=f"Layers at both ends: {quantity}")
    figure(
        chart(figures.layer_history, layers, what=what, theme=theme()),
        "one row per layer, one column per step at which connections changed; the title says what the colour means.",
        alt=f"Layers over the steps: {quantity}",
    )


def mask_film(training: pd.Series) -> None:
    """Draw the mask of the recorded layer over the steps."""
    film, layer = _film(training["folder"], str(training.name), theme())
    if film is None:
        return
    rule = sparsify.RULES.get(training["rule"])
    st.markdown(f"### The connections of {plain(layer)}")
    figure(
        film,
        "each pixel is a possible connection. Press Play, or move the slider, and watch whether connections gather at some inputs, "
        f"and whether neurons become empty. {rule.watch if rule else ''}",
        alt=f"Film of the connections of {layer}",
    )


def _film(folder: str, run: str, theme: str) -> tuple[Drawn | None, str]:
    return _film_of(folder, run, theme, stamp(Path(folder) / run))


@st.cache_resource(max_entries=16, show_spinner=False)
def _film_of(folder: str, run: str, theme: str, changed: Stamp) -> tuple[Drawn | None, str]:
    table = table_of(folder, run, "masks")
    if table is None or table.empty:
        return None, ""
    return drawn(figures.mask_film(sparsify.frames(table), theme=theme)), table["layer"].iloc[0].removesuffix(".weight")
