"""Training: networks that are sparse while they learn."""

import streamlit as st

from common.address import choose
from common.networks import name_damaged
from common.results import results
from common.shell import library, mistakes, steady
from labkit import figures
from labkit.runs.trainings import rule_titles, training_summary
from views.training.course import training_course
from views.training.layers import mask_film, training_layers
from views.training.rules import rules_text
from views.training.sparse_cost import COLUMNS, sparse_cost
from views.training.stored import label, table_of, trainings

FIRST, SPARSITY = "resnet_fashion", 0.9

st.title("Training")
st.write("A network can be sparse while it learns, not only afterwards. What does that cost, and what happens to its connections?")
with st.expander("The rules of sparse training, and how they are compared"):
    st.markdown(rules_text())
top = st.columns(2)[0]

st.header("What sparsity costs")
with mistakes():
    found = results("dynamic_sparse_training", COLUMNS)
    stored = trainings()
    name_damaged(library())
networks = sorted({*stored["network"], *([] if found is None else found.rows["network"])})
network = choose(top, "network", networks or [FIRST], name="model", start=FIRST)
if found is not None:
    with mistakes():
        sparse_cost(found, network)

st.header("The course of a training")
stored = stored[stored["network"] == network]
with mistakes():
    training_course(stored, network)

inside = stored[stored["rule"] != "dense"]
if not inside.empty:
    st.header("Inside one training")
    order = figures.in_order(inside["name"], rule_titles())
    inside = inside.assign(place=inside["name"].map(order.index)).sort_values(["place", "sparsity", "seed"])
    start = inside.index[(inside["place"] == 0) & (inside["sparsity"] == SPARSITY)]
    run = choose(
        st.columns(2)[0],
        "training",
        list(inside.index),
        name="training",
        start=start[0] if len(start) else None,
        format_func=lambda run: label(inside.loc[run]) if run in inside.index else run,
    )
    with mistakes():
        chosen = inside.loc[run]
        st.markdown(training_summary(chosen["accuracy"], table_of(chosen["folder"], run, "training")))
        left, right = st.columns(2)
        with left:
            mask_film(chosen)
        with right, steady():
            training_layers(chosen)
