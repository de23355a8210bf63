"""Settings of the server process."""

import gc
import sys

import streamlit as st

from labkit import live


@st.cache_resource(show_spinner=False)
def jobs() -> live.Jobs:
    """Return the long works of all visitors, which are found again after a reload."""
    return live.Jobs()


def settle() -> None:
    """Exclude imported modules from garbage collection; called when a page has been drawn.

    Streamlit collects garbage after every run of a page or fragment and delays the last figures of a move meanwhile: with torch and
    pandas loaded that takes 0.2 s, longer than everything else together. Frozen objects are not traversed again.
    """
    _freeze(len(sys.modules))


@st.cache_resource(show_spinner=False, max_entries=1)
def _freeze(modules: int) -> bool:
    """Freeze once for every set of imported modules: at every run it would keep each run's garbage alive."""
    gc.collect()
    gc.freeze()
    return True
