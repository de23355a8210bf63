"""Examples whose prediction changed, as small pictures or a table."""

from html import escape

import pandas as pd
import streamlit as st

from common.examples import SHOWN, STYLE, png
from labkit.data import Split


def pictures(split: Split, flipped: pd.DataFrame) -> None:
    """Draw the examples that only the uncompressed network gets right."""
    if flipped.empty:
        st.caption("The compressed network has no regressions: it is right wherever the uncompressed one is.")
        return
    first = flipped.head(SHOWN)
    if split.images is None:
        st.dataframe(first.drop(columns="kind"), hide_index=True, width="stretch")
    else:
        st.html(STYLE + f'<div class="examples">{"".join(_picture(split, row) for row in first.itertuples())}</div>')
    st.caption(
        f"How to read this: the {len(first)} most confident of {len(flipped):,} regressions (examples that only the uncompressed "
        "network gets right); below each its class, and the one predicted now."
    )


def _picture(split: Split, row: object) -> str:
    words = f"{row.before} is now predicted as {row.after}, with confidence {row.confidence:.0%}"
    source = png(split.images[row.index])
    return (
        f'<figure title="{escape(words)}"><img alt="{escape(words)}" src="data:image/png;base64,{source}">'
        f"<figcaption>{escape(row.before)}<br>→ <b>{escape(row.after)}</b></figcaption></figure>"
    )
