"""Notes of an audit: what was left out, changed or assumed on the way to its figures."""

from collections.abc import Iterable

import streamlit as st

from common.words import plain


def show_notes(notes: Iterable[str]) -> None:
    """Draw notes as a list that can be folded away; nothing where there are none."""
    lines = list(dict.fromkeys(" ".join(str(note).split()).rstrip(".") for note in notes))
    if lines:
        with st.expander(f"Notes ({len(lines)})", icon=":material/info:"):
            st.markdown("\n".join(f"- {plain(line[0].upper() + line[1:])}." for line in lines if line))
