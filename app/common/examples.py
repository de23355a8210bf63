"""Single examples of audited data: as small pictures with their predictions, or as a table where they are none."""

import base64
import io
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image

from common.words import plain
from labkit.data import Split
from labkit.runs import Run, audited_split

SHOWN = 12
STYLE = """<style>
.examples {display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 0.7rem; margin: 0.2rem 0 0.6rem;}
.examples figure {margin: 0; text-align: center; font-size: 0.78rem; line-height: 1.25;}
.examples img {width: 100%; max-width: 84px; image-rendering: pixelated; border-radius: 4px; background: #000;}
</style>"""


def split_of(run: Run) -> Split | None:
    """Return the examples that a run was audited on; where they cannot be opened, say why and return None."""
    try:
        return _split(run.data_id, run)
    except (ValueError, TypeError, OSError) as error:
        st.caption(plain(error))
        return None


@st.cache_resource(max_entries=3, show_spinner="Opening the data …")
def _split(data_id: str, _run: Run) -> Split:
    return audited_split(_run)


def example_strip(split: Split | None, rows: pd.DataFrame, said: dict[str, str]) -> None:
    """Draw the first examples of a table with the columns index, label and those of `said`, which get these words in front."""
    first = rows.head(SHOWN)
    if split is None or split.images is None:
        shown = first.rename(columns=said)
        if split is not None and split.groups is not None:
            shown = shown.join(split.groups.reset_index(drop=True), on="index")
        st.dataframe(shown, hide_index=True, width="stretch", alt="Examples", column_order=[*shown.columns])
        return
    pictures = "".join(_picture(split, row, said) for _, row in first.iterrows())
    st.html(f'{STYLE}<div class="examples">{pictures}</div>')


def _picture(split: Split, row: pd.Series, said: dict[str, str]) -> str:
    lines = [f"{words} {row[name]}" for name, words in said.items()]
    told = f"{row['label']}: {', '.join(lines)}"
    below = "<br>".join(escape(line) for line in lines)
    return (
        f'<figure><img alt="{escape(told)}" src="data:image/png;base64,{png(split.images[row["index"]])}">'
        f"<figcaption><b>{escape(str(row['label']))}</b><br>{below}</figcaption></figure>"
    )


def png(pixels: Any) -> str:
    """A picture uint8 [C, H, W] as a base64 PNG."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
