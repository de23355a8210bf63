"""Selection of a network that has runs, on Compare and Per class."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from common.address import choose
from common.shell import library, mistakes
from labkit.runs import Library

FIRST = "vit_fashion"


def network_with_runs(place: DeltaGenerator) -> tuple[Library, str, pd.DataFrame]:
    """Draw the select box; return all runs, the network's name, and the table of its runs."""
    with mistakes():
        shelf = library()
        everything = shelf.table()
    names = sorted(set(everything["model"]))
    if not names:
        st.info("There are no runs yet. Make some with `labkit sweep --gallery`, then reload this page.")
        st.stop()
    if shelf.damaged:
        st.warning(f"{len(shelf.damaged)} runs cannot be read, e.g. {shelf.damaged[0].id}: {shelf.damaged[0].damaged}.")
    network = choose(place, "network", names, name="model", start=FIRST)
    return shelf, network, shelf.table(network)
