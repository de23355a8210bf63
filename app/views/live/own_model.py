"""A form that opens the user's own network."""

from typing import Any

import streamlit as st

from labkit import live, models
from labkit.registry import Names
from labkit.stamps import Stamp, stamp
from views.live.fields import FIELDS, in_fields

OWN = "your own"


def own_model() -> live.Session | None:
    """Draw the form; return the session of the network opened last, or None.

    Files are read again when they have changed, at the next run of the page.
    """
    with st.form("own-form"):
        given: dict[str, Any] = {"name": st.text_input(FIELDS["model"], placeholder="timm:resnet18", help=NETWORK)}
        left, right = st.columns(2)
        given["weights"] = left.text_input(FIELDS["weights"], placeholder="checkpoint.safetensors", help=WEIGHTS)
        given["data"] = right.text_input(FIELDS["data"], placeholder="pictures/", help=DATA)
        cells = st.columns(4)
        given["target"] = cells[0].text_input(FIELDS["target"], help="For a CSV file")
        given["groups"] = cells[1].text_input(FIELDS["groups"], help="For a CSV file, separated by commas")
        given["favourable"] = cells[2].text_input(FIELDS["favourable"], help="The class that people want, for fairness")
        given["size"] = cells[3].number_input(FIELDS["size"], 1, 4096, None, help="For a folder: pixels of a side; resizes all")
        if st.form_submit_button("Open"):
            st.session_state["own-model"] = tuple(sorted((key, _value(key, value)) for key, value in given.items()))
    if "own-model" not in st.session_state:
        return None
    given = dict(st.session_state["own-model"])
    try:
        return _open(st.session_state["own-model"], stamp(given["weights"]), stamp(given["data"]))
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        raise ValueError(in_fields(str(error))) from error


NETWORK = "timm:NAME for any timm model, or a reference model"
WEIGHTS = "Without a file, timm models have random weights"
DATA = "A data set's name, a folder of images by class, or a CSV file"


def _value(key: str, value: Any) -> Any:
    if key == "groups":
        return Names().parse(value)
    value = value.strip() if isinstance(value, str) else value
    return value or ("" if key == "name" else None)


@st.cache_resource(max_entries=2, show_spinner="Opening the network and its data …")
def _open(given: tuple[tuple[str, Any], ...], weights: Stamp, data: Stamp) -> live.Session:
    """Open what the form names; the stamps are those of its files, so that changed ones are opened again."""
    named = dict(given)
    name = named.pop("name")
    network, dataset = models.open_model(name, **named)
    models.check_takes(network, dataset.test, name, dataset.name)
    return live.Session(network, dataset.test, dataset)
