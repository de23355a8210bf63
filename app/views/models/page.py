"""Reference models: what ships, and how accurate it is."""

import streamlit as st

from labkit import figures, models

st.title("Reference models")
st.write("The trained networks that ship with labkit. Weights were chosen on validation data; test data were read once.")

table = models.table()
if table.empty:
    st.info("No weights are stored yet. Make them with `make train`, then reload this page.")
    st.stop()

percent = table.assign(**{name: 100 * table[name] for name in ("validation", "test", "low", "high")})
theme = st.context.theme.type or "light"
chart = percent.rename(columns={"test": "value"})
st.plotly_chart(
    figures.intervals(chart, label="test accuracy", theme=theme), theme=None, width="stretch", config={"displayModeBar": False}
)
st.caption("How to read this: the dot is the accuracy on the test data, the line its 95 % Wilson interval.")

st.dataframe(
    percent,
    width="stretch",
    column_order=["model", "test", "low", "high", "data", "parameters", "validation", "minutes", "architecture"],
    column_config={
        "model": st.column_config.TextColumn("model", pinned=True),
        "architecture": st.column_config.TextColumn("architecture"),
        "parameters": st.column_config.NumberColumn("parameters", format="localized"),
        "validation": st.column_config.NumberColumn(
            "validation", format="%.2f %%", help="Accuracy on the data that chose the weights"
        ),
        "test": st.column_config.NumberColumn("test", format="%.2f %%", help="Accuracy on data read once"),
        "low": st.column_config.NumberColumn("95 % from", format="%.2f %%"),
        "high": st.column_config.NumberColumn("to", format="%.2f %%"),
        "minutes": st.column_config.NumberColumn("training", format="%.1f min", help="Wall time on the machine that trained it"),
    },
)
st.caption(
    "How to read this: one row per network; `labkit train NAME` trains one again, with the same weights on the same machine."
)
