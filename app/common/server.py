"""Set up the server process that Streamlit made."""

import gc
import sys

import streamlit as st


def settle() -> None:
    """Keep what was imported out of the garbage collector's sight; call it when a page has been drawn.

    Streamlit collects garbage after every run of a page or fragment, and holds the last figures of a move back meanwhile: with
    torch and pandas loaded that takes 0.2 s, longer than everything else together. Frozen objects are not looked through again.
    """
    _freeze(len(sys.modules))


@st.cache_resource(show_spinner=False, max_entries=1)
def _freeze(modules: int) -> bool:
    """Once for every set of imported modules: freezing at every run would keep each run's garbage for ever."""
    gc.collect()
    gc.freeze()
    return True
