"""Speed: whether fewer connections take less time."""

import streamlit as st

from common.address import choose
from common.charts import chart
from common.results import results
from common.shell import figure, mistakes, steady, theme
from labkit import figures
from views.speed.layer_speed import layer_speed, measure_here
from widgets.pulse import heartbeat

FORMS = """
Every form holds the same weights and gives the same numbers.

- **dense**: the full matrix, zeros included, as PyTorch's `F.linear` multiplies it. It is the line at 1.
- **ours**: `labkit.kernels.fixed_fan_in`. Every output has the same number of connections, stored as values and indices.
- **torch CSR**, **scipy CSR**: the usual sparse matrix, *compressed sparse rows*, of the two libraries.
- **gather**: as in the paper's own code; inputs are gathered by their index, multiplied and summed.

A call starts with a batch of examples in the layout that any layer gets and ends when the outputs are available in the same order;
moving and reordering data is included in the time. The forms are timed alternately on the same threads of the same machine. Each is
called twice per turn and only the second call counts, so the caches hold its own data. Rows marked *cold* in the table cycle
through so many copies of the weight that it is read from memory every time, as in a large network.
"""

st.title("Speed")
st.write("A sparse layer multiplies less. Is it also faster? That depends on the machine, the sparsity and the batch size.")
with st.expander("What is compared, and what is in the time"):
    st.markdown(FORMS)

st.header("One layer")
with mistakes():
    found = results("fixed_fan_in", ["in", "out", "sparsity", "batch", "mode", "what"])
if found is not None:
    left, right = st.columns(2)
    inference = found.rows[found.rows["mode"] == "inference"]
    shapes = {f"{row['in']}x{row.out}": (row["in"], row.out) for _, row in inference[["in", "out"]].drop_duplicates().iterrows()}
    shape = choose(
        left, "layer", list(shapes), name="shape", format_func=lambda key: "{:,} inputs → {:,} outputs".format(*shapes[key])
    )
    inputs, outputs = shapes[shape]
    layer = found.rows[(found.rows["in"] == inputs) & (found.rows["out"] == outputs)]
    sparsities = {f"{value:g}": value for value in sorted(set(layer["sparsity"]))}
    sparsity = choose(right, "sparsity", list(sparsities), name="sparsity", start="0.9", help="Fraction of zeros")
    with mistakes():
        layer_speed(layer[layer["sparsity"] == sparsities[sparsity]], found.place, name="from the benchmark")

st.header("Measure on this machine")
st.write("The same comparison for a layer of your own. Close other programs that use the processor: they distort the times.")
with steady():
    measure_here()
with steady():
    heartbeat("speed", wait=0.5)  # seldom: whoever looks takes time from what is measured

st.header("Whole networks")
st.write(
    "A network does more than multiply by its weights: how much of the gain is left? Each layer of a vision transformer processes "
    "every patch of every image, so a single image is a batch of many rows already."
)
with mistakes():
    found = results("vit_end_to_end", ["model", "batch", "sparsity", "what"])
if found is not None:
    sparsities = {f"{value:g}": value for value in sorted(set(found.rows["sparsity"]))}
    sparsity = choose(st.columns(2)[0], "sparsity", list(sparsities), name="network-sparsity", start="0.9")
    rows = found.rows[found.rows["sparsity"] == sparsities[sparsity]]
    with mistakes():
        figure(
            chart(figures.end_to_end_speed, rows, theme=theme()),
            "further left is faster; the number beside a pair is the speed-up of ours over dense. Whiskers hold the middle half of "
            "the measurements. Where times differ much, they are dots on a logarithmic axis.",
            alt="Latency of whole networks, dense and ours",
        )
    with st.expander("All values"):
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            alt="Times of whole networks",
            column_order=["model", "batch", "what", "median_ms", "low_ms", "high_ms", "ratio_to_dense"],
            column_config={
                "what": st.column_config.TextColumn(
                    "form", help="masked dense: dense layers with the pruned weights, zeros included"
                ),
                "median_ms": st.column_config.NumberColumn("median", format="%.2f ms"),
                "low_ms": st.column_config.NumberColumn("from", format="%.2f ms", help="Lower quartile"),
                "high_ms": st.column_config.NumberColumn("to", format="%.2f ms", help="Upper quartile"),
                "ratio_to_dense": st.column_config.NumberColumn("speed-up", format="%.2f×", help="Over the dense network"),
            },
        )
        st.caption(f"Measured on: {found.place}.")
