"""Figure, sentence and table of one layer's speed, and a form that measures one on this machine."""

from collections.abc import Hashable

import pandas as pd
import streamlit as st

from common.charts import chart
from common.long_work import Make, long_work
from common.shell import figure, theme
from labkit import figures
from labkit.kernels.speed import Measuring, measuring
from widgets.pulse import background

HEADLINE = 64  # batch size of the sentence
BATCHES = [1, 8, 64, 256]
MEASURED, SPEED = "speed-measured", "speed"
READING = (
    "a line above 1 is faster than the dense layer, below 1 slower; 2 is half the time. "
    "Whiskers hold the middle half of the measurements; both axes are logarithmic."
)


def layer_speed(rows: pd.DataFrame, place: str, *, name: str) -> None:
    """Draw one layer at one sparsity, all modes; `place` describes the machine it was measured on."""
    inference = rows[rows["mode"] == "inference"]
    st.markdown(_headline(rows))
    figure(chart(figures.kernel_speed, inference, theme=theme()), READING, alt=f"Speed beside dense, {name}")
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
    """Draw a form, and what was measured with it last; a measurement runs in the background."""
    cells = st.columns([1, 1, 2, 2])
    cells[0].number_input("inputs", 16, 8192, 3072, 16, key="inputs", bind="query-params")
    cells[1].number_input("outputs", 16, 8192, 768, 16, key="outputs", bind="query-params")
    cells[2].slider("sparsity", 0.5, 0.99, 0.9, 0.01, key="zeros", bind="query-params", help="Fraction of zeros")
    batches = cells[3].multiselect("batch sizes", BATCHES, BATCHES, key="batches", bind="query-params")
    question, make = _asked()
    reader = background(SPEED)
    long_work(
        SPEED,
        question if reader.finished else reader.question,  # a measurement stays in sight while the fields change
        make,
        label="Measure on this machine",
        said="Every form is timed at every batch size; a large layer takes a minute.",
        words="{:.3g} of {} batch sizes measured".format,
        progress=lambda step: (step.done, step.total),
        starting="Building the layer; at the first use its kernels are compiled, which takes some seconds",
        below=_measured,
        asked=_asked,
        type="primary",
        icon=":material/timer:",
        disabled=not batches,
    )


def _asked() -> tuple[Hashable, Make]:
    """Return what the fields ask for."""
    inputs, outputs, sparsity, batches = (st.session_state[key] for key in ("inputs", "outputs", "zeros", "batches"))
    layer = (inputs, outputs, sparsity, tuple(sorted(batches)))
    return ("speed", *layer), lambda cancel: measuring(*layer)


def _measured(step: Measuring | None, running: bool) -> None:
    """Draw the batch sizes that are measured; what was measured before a stop stays until the next measurement."""
    if step is not None and not step.rows.empty:
        st.session_state[MEASURED] = step.rows
    if MEASURED not in st.session_state:
        return
    rows = st.session_state[MEASURED]
    first = rows.iloc[0]
    st.markdown(f"**{first['in']:,} inputs, {first['out']:,} outputs, sparsity {first['sparsity']:.2f}**")
    layer_speed(rows, f"this machine, {first['threads']} threads", name="measured here")
