"""Notes of an audit: what was left out, changed or assumed on the way to its figures."""

from collections.abc import Iterable

import streamlit as st


def show_notes(notes: Iterable[str]) -> None:
    """Draw notes as a list that can be folded away; nothing where there are none."""
    lines = list(dict.fromkeys(" ".join(str(note).split()).rstrip(".") for note in notes))
    if lines:
        with st.expander(f"Notes ({len(lines)})", icon=":material/info:"):
            st.markdown("\n".join(f"- {plain(line[0].upper() + line[1:])}." for line in lines if line))


def plain(text: str) -> str:
    """Text without what Markdown would take for mark-up, e.g. the asterisk in a pattern of layers."""
    for sign in "\\`*_[]$#<>~":
        text = text.replace(sign, f"\\{sign}")
    return text
