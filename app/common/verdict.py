"""The verdict on a run in one sentence: on blue where it is good, on orange where it is bad, else plain."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from labkit import audit

BOXES = {"good": (st.info, ":material/check_circle:"), "bad": (st.warning, ":material/warning:")}


def verdict_line(summary: Mapping[str, Any]) -> None:
    """Draw the verdict on the figures of `Audit.summary`."""
    found = audit.verdict(summary)
    sentence = found.sentence[0].upper() + found.sentence[1:]
    box, icon = BOXES.get(found.tone, (None, ""))
    if box is None:
        st.markdown(f"**{sentence}**")
    else:
        box(sentence, icon=icon)
