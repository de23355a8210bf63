"""What a compressed network saves and whom it harms, in one sentence."""

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from labkit.audit import verdict

STYLE = """<style>
.verdict {border-left: 0.3rem solid #8a8f98; padding: 0.35rem 0.8rem; font-size: 1.2rem; font-weight: 600; line-height: 1.35;
  min-height: calc(2.7em + 0.7rem); box-sizing: border-box;} /* two lines: nothing below moves when the sentence gets longer */
.verdict[data-tone=good] {border-color: #3987e5;}
.verdict[data-tone=bad] {border-color: #d95f02;}
</style>"""


def verdict_line(summary: Mapping[str, Any] | None, waiting: str = "", where: str = "") -> None:
    """Draw the verdict on `Audit.summary`, at the setting `where`; where there is none, draw `waiting`, or nothing."""
    found = None if summary is None else verdict(summary)
    text, tone = (waiting, "neutral") if found is None or not found.sentence else (found.sentence, found.tone)
    if not text:
        return
    st.html(f'{STYLE}<div class="verdict" data-tone="{tone}" data-of="{escape(where)}">{escape(text[:1].upper() + text[1:])}</div>')
