"""Fragments that are run again when a background computation has news, without blocking the slider meanwhile."""

import streamlit as st

from labkit import live
from widgets import read
from widgets.pulse.presence import presence

_component = st.components.v2.component("labkit_pulse", js=read("pulse/pulse.js"))
WAIT = 0.06  # seconds a beat waits for news; a move of the slider waits as long at most
EVERY = 20  # milliseconds between two beats
PATIENCE = 2000  # milliseconds after which a beat without an answer counts as lost


def background(name: str) -> live.Latest:
    """Return this visitor's `Latest` of that name; what it runs is cancelled soon after the page is closed."""
    key = f"background-{name}"
    if key not in st.session_state:
        st.session_state[key] = live.Latest(presence())
    return st.session_state[key]


def bell(name: str) -> None:
    """Run the enclosing fragment again when ``background(name)`` has news; the page needs a `heartbeat` for it.

    Call it last in its fragment: a browser that has the bell has everything drawn before it.
    """
    drawn = _drawn(name) + 1
    st.session_state[f"drawn-{name}"] = drawn
    latest = background(name)
    busy = not latest.finished or latest.has_news()  # it may have finished while the page was drawn
    data = {"bell": name, "drawn": drawn, "busy": busy, "patience": PATIENCE}
    _component(data=data, default={"ring": 0}, on_ring_change=_nothing, key=f"bell-{name}")


def _drawn(name: str) -> int:
    """Return how often the bell of that name was drawn."""
    return st.session_state.get(f"drawn-{name}", 0)


@st.fragment
def heartbeat(*names: str, wait: float = WAIT) -> None:
    """Look for news of every ``background(name)`` while one of them is running, and for drawings that never reached the browser.

    Streamlit drops the last messages of a run when a request to run again arrives before they are delivered, so an answer may be
    drawn and never reach the browser. The browser knows the number of the drawing it has; this states which it should have.

    Call it on the page itself, not in the fragment with the bell: a fragment within a fragment that is run twice in quick
    succession reaches the browser before its container does, which breaks the page.

    Parameters
    ----------
    *names : str
    wait : float
        Seconds a beat waits for news; longer ones leave the processor to the work, and a click waits for them.
    """
    state = st.session_state.get("heartbeat")
    found = {name: background(name) for name in names}
    at_work = [latest for latest in found.values() if not latest.finished]
    for latest in at_work:
        latest.has_news(wait / len(at_work))
    # in this order: one that finishes between the two statements has news; the other way round it would have neither
    busy = any(not latest.finished for latest in found.values())
    data = {
        "news": [name for name, latest in found.items() if latest.has_news()],
        "drawn": {name: _drawn(name) for name in names},
        "busy": busy,
        "beat": 0 if state is None else state.get("beat", 0),
        "every": EVERY,
        "patience": PATIENCE,
        "count": sum(latest.count for latest in found.values()),  # makes every piece of news a message of its own
    }
    _component(data=data, default={"beat": 0}, on_beat_change=_nothing, key="heartbeat")


def _nothing() -> None:
    """Streamlit reruns for a state only if it has a callback."""
