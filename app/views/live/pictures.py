"""Examples whose prediction changed, as small pictures or a table."""

import base64
import io
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image

from labkit.data import Split

SHOWN = 12
STYLE = """<style>
.lost {display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 0.7rem; margin: 0.2rem 0 0.6rem;}
.lost figure {margin: 0; text-align: center; font-size: 0.78rem; line-height: 1.25;}
.lost img {width: 100%; max-width: 84px; image-rendering: pixelated; border-radius: 4px; background: #000;}
.lost s {opacity: 0.7;}
</style>"""


def pictures(split: Split, flipped: pd.DataFrame) -> None:
    """Draw the examples that only the uncompressed network gets right."""
    if flipped.empty:
        st.caption("The compressed network has no regressions: it is right wherever the uncompressed one is.")
        return
    first = flipped.head(SHOWN)
    if split.images is None:
        st.dataframe(first.drop(columns="kind"), hide_index=True, width="stretch")
    else:
        st.html(STYLE + f'<div class="lost">{"".join(_picture(split, row) for row in first.itertuples())}</div>')
    st.caption(
        f"How to read this: the {len(first)} most confident of {len(flipped):,} regressions (examples that only the uncompressed "
        "network gets right); below each its class, and the one predicted now."
    )


def _picture(split: Split, row: object) -> str:
    words = f"{row.before} is now predicted as {row.after}, with confidence {row.confidence:.0%}"
    source = _png(split.images[row.index])
    return (
        f'<figure title="{escape(words)}"><img alt="{escape(words)}" src="data:image/png;base64,{source}">'
        f"<figcaption>{escape(row.before)}<br>→ <b>{escape(row.after)}</b></figcaption></figure>"
    )


def _png(pixels: Any) -> str:
    """A picture uint8 [C, H, W] as a base64 PNG."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
