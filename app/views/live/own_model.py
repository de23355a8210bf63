"""A form that opens the user's own network."""

import streamlit as st

from labkit import live, models
from labkit.registry import Names

OWN = "your own"


def own_model() -> live.Session | None:
    """Draw the form; return the session of the network opened last, or None."""
    with st.form("own-form"):
        name = st.text_input("network", placeholder="timm:resnet18", help="timm:NAME for any timm model, or a reference model")
        weights = st.text_input(
            "weights", placeholder="checkpoint.safetensors", help="Without a file, timm models have random weights"
        )
        data = st.text_input("data", placeholder="pictures/", help="A data set's name, a folder of images by class, or a CSV file")
        left, right = st.columns(2)
        target = left.text_input("target column", help="For a CSV file")
        groups = right.text_input("sensitive columns", help="For a CSV file, separated by commas")
        if st.form_submit_button("Open"):
            st.session_state["own-model"] = (
                name,
                weights or None,
                data or None,
                target or None,
                Names().parse(groups),
            )
    if "own-model" not in st.session_state:
        return None
    return _open(*st.session_state["own-model"])


@st.cache_resource(max_entries=2, show_spinner="Opening the network and its data …")
def _open(name: str, weights: str | None, data: str | None, target: str | None, groups: tuple[str, ...]) -> live.Session:
    network, dataset = models.open_model(name, weights=weights, data=data, target=target, groups=groups)
    return live.Session(network, dataset.test, dataset)
