"""What happens inside one sparse training: its layers, and the film of a mask."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from common.shell import figure, theme
from labkit import figures, models, sparsify
from views.training.stored import table_of

QUANTITIES = {"fan-in": "fan_in", "active neurons": "active", "explored": "explored"}
STATES = {
    "fan_in": "hollow is the start, filled the end. SRigL takes links from neurons it ablates and gives them to the others.",
    "active": "hollow is the start, filled the end. Below 100 % some neurons have no links: they are empty, and cost nothing.",
    "explored": "the share of all places that had a link at some time. The more a training tries, the more it can choose from.",
}


WATCH = {
    "static": "Here there is one picture: static links stay.",
    "set": "SET tries places at random, so that what is new is spread evenly.",
    "rigl": "RigL puts links where the gradient is largest, anywhere in the layer.",
    "srigl": "SRigL gives every neuron that is not empty as many links, where the gradient is largest.",
    "srigl_no_ablation": "Every neuron has as many links at any time, where the gradient is largest.",
    "gmp": "GMP begins with every link and takes the smallest away.",
}


@st.fragment
def training_layers(training: pd.Series) -> None:
    """Draw the layers at both ends and over the steps."""
    layers = table_of(training["folder"], str(training.name), "layers")
    if layers is None:
        st.info("This training kept nothing of its layers: a dense one has no links that change.")
        return
    known = models.neurons(training["network"]) if training["network"] in models.NAMES else {}
    if set(layers["layer"]) <= known.keys():
        layers = layers.assign(outputs=layers["layer"].map(known))
    st.markdown("##### The layers")
    word = st.segmented_control(
        "what", list(QUANTITIES), default="fan-in", required=True, key="quantity", bind="query-params", label_visibility="collapsed"
    )
    what = QUANTITIES[word]
    figure(figures.layer_states(layers, what=what, theme=theme()), STATES[what], alt=f"Layers at both ends: {word}")
    figure(
        figures.layer_history(layers, what=what, theme=theme()),
        "a row is a layer, a column a step at which links changed; what the colour says stands above.",
        alt=f"Layers over the steps: {word}",
    )


def mask_film(training: pd.Series) -> None:
    """Draw the film of the layer that was watched."""
    chart, layer = _film(training["folder"], str(training.name), theme())
    if chart is None:
        return
    st.markdown(f"##### The links of {layer}")
    figure(
        chart,
        "each pixel is a place where a link can be. Press Play, or move the slider, and watch whether links gather at some inputs, "
        f"and whether neurons become empty. {WATCH.get(training['topology'], '')}",
        alt=f"Film of the links of {layer}",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _film(folder: str, run: str, theme: str) -> tuple[go.Figure | None, str]:
    table = table_of(folder, run, "masks")
    if table is None or table.empty:
        return None, ""
    return figures.mask_film(sparsify.frames(table), theme=theme), table["layer"].iloc[0].removesuffix(".weight")
