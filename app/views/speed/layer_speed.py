"""Figure, sentence and table of one layer's speed, and a form that measures one on this machine."""

import pandas as pd
import streamlit as st

from common.shell import figure, say, theme
from labkit import figures
from labkit.kernels.speed import measure

HEADLINE = 64  # batch size of the sentence
BATCHES = [1, 8, 64, 256]
MEASURED = "speed-measured"
READING = (
    "a line above 1 is faster than the dense layer, below 1 slower; 2 is half the time. "
    "Whiskers hold the middle half of the measurements; both axes are logarithmic."
)


def layer_speed(rows: pd.DataFrame, place: str, *, name: str) -> None:
    """Draw one layer at one sparsity, all modes; `place` describes the machine it was measured on."""
    inference = rows[rows["mode"] == "inference"]
    st.markdown(_headline(rows))
    figure(figures.kernel_speed(inference, theme=theme()), READING, alt=f"Speed beside dense, {name}")
    with st.expander("All values"):
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            alt=f"Times and bytes, {name}",
            column_order=["batch", "what", "median_us", "low_us", "high_us", "ratio_to_dense", "bytes", "mode", "turns"],
            column_config={
                "batch": st.column_config.NumberColumn("batch", format="localized", help="Examples in one call"),
                "what": st.column_config.TextColumn("form"),
                "median_us": st.column_config.NumberColumn("median", format="%.1f µs"),
                "low_us": st.column_config.NumberColumn("from", format="%.1f µs", help="Lower quartile"),
                "high_us": st.column_config.NumberColumn("to", format="%.1f µs", help="Upper quartile"),
                "ratio_to_dense": st.column_config.NumberColumn("speed-up", format="%.3g×", help="Over the dense layer"),
                "bytes": st.column_config.NumberColumn("bytes", format="localized", help="Values and indices"),
                "mode": st.column_config.TextColumn("mode", help="cold: weights come from memory; training: with gradients"),
            },
        )
        st.caption(f"Bytes count values and indices. Measured on: {place}.")


def _headline(rows: pd.DataFrame) -> str:
    by_mode = {mode: part.set_index(["batch", "what"]) for mode, part in rows.groupby("mode")}
    inference, training = by_mode["inference"], by_mode.get("training")
    sizes = inference.index.unique("batch")
    batch = HEADLINE if HEADLINE in sizes else max(sizes)
    ours, dense = inference.loc[(batch, "ours")], inference.loc[(batch, "dense")]
    sentence = (
        f"In batches of {batch}, **ours is {ours['ratio_to_dense']:.2f} times as fast as the dense layer**: "
        f"{ours['median_us']:,.0f} µs, dense {dense['median_us']:,.0f} µs."
    )
    if training is not None and (batch, "ours") in training.index:
        sentence += f" In training, forward and backward, {training.loc[(batch, 'ours'), 'ratio_to_dense']:.2f} times."
    return sentence


@st.fragment
def measure_here() -> None:
    """Draw a form, and what was measured with it last."""
    cells = st.columns([1, 1, 2, 2])
    inputs = cells[0].number_input("inputs", 16, 8192, 3072, 16, key="inputs", bind="query-params")
    outputs = cells[1].number_input("outputs", 16, 8192, 768, 16, key="outputs", bind="query-params")
    sparsity = cells[2].slider("sparsity", 0.5, 0.99, 0.9, 0.01, key="zeros", bind="query-params", help="Fraction of zeros")
    batches = cells[3].multiselect("batch sizes", BATCHES, BATCHES, key="batches", bind="query-params")
    if st.button("Measure on this machine", type="primary", icon=":material/timer:", disabled=not batches):
        bar = st.progress(0.0, text="starting")
        try:
            rows = measure(inputs, outputs, sparsity, sorted(batches), progress=lambda done, text: bar.progress(done, text=text))
            st.session_state[MEASURED] = rows
        except (ValueError, MemoryError) as error:
            say(error)
        bar.empty()
    if MEASURED in st.session_state:
        rows = st.session_state[MEASURED]
        first = rows.iloc[0]
        st.markdown(f"**{first['in']:,} inputs, {first['out']:,} outputs, sparsity {first['sparsity']:.2f}**")
        layer_speed(rows, f"this machine, {first['threads']} threads", name="measured here")
