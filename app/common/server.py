"""Settings of the server process."""

import gc
import sys
import threading
import time

import streamlit as st

from labkit import live

MANY = 200  # imported modules that are worth another freeze, which takes a second
EVERY = 15.0  # seconds between collections of garbage


@st.cache_resource(show_spinner=False)
def jobs() -> live.Jobs:
    """Return the long works of all visitors, which are found again after a reload."""
    return live.Jobs()


def settle() -> None:
    """Collect garbage now and then, but not in imported modules; called when a page has been drawn.

    Streamlit's own collection after every run of a page or fragment is off (`postScriptGC`): with torch and pandas loaded it takes
    0.2 s, during which no other visitor is served. Frozen objects are not traversed again.
    """
    _freeze(len(sys.modules) // MANY)
    if _collections().acquire():
        gc.collect()


class _Seldom:
    """Says yes to one caller in every `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last, self._lock = seconds, time.monotonic(), threading.Lock()

    def acquire(self) -> bool:
        """Whether this caller is the one."""
        with self._lock:
            now = time.monotonic()
            due = now - self._last >= self._seconds
            self._last = now if due else self._last
            return due


@st.cache_resource(show_spinner=False)
def _collections() -> _Seldom:
    return _Seldom(EVERY)


@st.cache_resource(show_spinner=False, max_entries=1)
def _freeze(modules: int) -> bool:
    """Freeze when many modules were imported: at every run it would keep each run's garbage alive."""
    gc.collect()
    gc.freeze()
    return True
