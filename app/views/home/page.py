"""Home: what labkit is, the networks that are there, and where to go next."""

import streamlit as st

from common.shell import mistakes
from views.home.networks import networks
from views.home.notebooks import notebooks

st.title("labkit")
st.write(
    "Compress a trained network in many ways, and see what each way saves and costs: for the average, for every class and for "
    "every group of people. Everything is computed on this machine, and nothing leaves it."
)
with mistakes():
    networks()
notebooks()
