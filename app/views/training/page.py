"""Training: networks that are sparse while they learn."""

import streamlit as st

from common.address import choose
from common.results import results
from common.shell import mistakes, steady
from labkit import figures
from views.training.course import training_course
from views.training.layers import mask_film, training_layers
from views.training.sparse_cost import COLUMNS, sparse_cost
from views.training.stored import facts, in_words, trainings

WAYS = """
Compression takes a trained network and removes weights. Here most weights are zero **from the first step on**, and what changes
while the network learns is which. Zeros are never multiplied, so that the training itself takes fewer operations. A *link* is a
weight that is not zero; the *fan-in* of a neuron is the number of its links.

- **dense**: the same training without zeros, to compare with.
- **static**: random links, drawn before the training, that stay.
- **SET**: from time to time the smallest links go, and as many come at random places.
- **RigL**: the smallest go, and as many come where the gradient says that a link would help most.
- **SRigL**: RigL with as many links for every neuron of a layer, which a machine can multiply fast (page *Speed*). A neuron that
  keeps too few links worth having is *ablated*: it loses them all, and the others get them. It may come back.
- **SRigL, no ablation**: the same, and every neuron keeps its links.
- **GMP**: gradual magnitude pruning. Dense at first, and the smallest weights go bit by bit: it ends as sparse, but its training
  costs more.

Trainings are short, so that there can be many: the question is which way does better under equal terms, not how good the network
can get. All of one seed see the same batches in the same order, and are compared pair by pair. Nothing is chosen on validation
data, the last weights count, and the test data are read once.
"""
FIRST, SPARSITY = "resnet_fashion", 0.9


st.title("Training")
st.write("A network can be sparse while it learns, not only afterwards. What does that cost, and what happens to its links?")
with st.expander("The ways to train sparse, and how they are compared"):
    st.markdown(WAYS)
top = st.columns(2)[0]

st.subheader("What sparsity costs")
with mistakes():
    found = results("dynamic_sparse_training", COLUMNS)
    stored = trainings()
networks = sorted({*stored["network"], *([] if found is None else found.rows["network"])})
network = choose(top, "network", networks or [FIRST], name="model", start=FIRST)
if found is not None:
    with mistakes():
        sparse_cost(found, network)

st.subheader("How a training goes")
stored = stored[stored["network"] == network]
with mistakes():
    training_course(stored, network)

inside = stored[stored["topology"] != "dense"]
if not inside.empty:
    st.subheader("Inside one training")
    order = figures.in_order(inside["name"])
    inside = inside.assign(place=inside["name"].map(order.index)).sort_values(["place", "sparsity", "seed"])
    start = inside.index[(inside["place"] == 0) & (inside["sparsity"] == SPARSITY)]
    run = choose(
        st.columns(2)[0],
        "training",
        list(inside.index),
        name="training",
        start=start[0] if len(start) else None,
        format_func=lambda run: in_words(inside.loc[run]) if run in inside.index else run,
    )
    with mistakes():
        st.markdown(facts(inside.loc[run]))
        left, right = st.columns(2)
        with left:
            mask_film(inside.loc[run])
        with right, steady():
            training_layers(inside.loc[run])
