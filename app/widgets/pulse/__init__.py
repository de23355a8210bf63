"""A fragment that draws itself again when something in the background has news, without holding up the slider meanwhile."""

import streamlit as st

from labkit import live
from widgets import read

_component = st.components.v2.component("labkit_pulse", js=read("pulse/pulse.js"))
WAIT = 0.06  # seconds a beat waits for news; a move of the slider waits as long at most
EVERY = 20  # milliseconds between two beats
PATIENCE = 2000  # milliseconds after which a beat without an answer is taken for lost


def background(name: str) -> live.Latest:
    """Return this visitor's `Latest` of that name."""
    return st.session_state.setdefault(f"background-{name}", live.Latest())


def bell(name: str) -> None:
    """Run the fragment this stands in again when ``background(name)`` has something new; the page needs a `heartbeat` for it.

    It goes last in its fragment: whoever has the bell has all that was drawn before it.
    """
    drawn = _drawn(name) + 1
    st.session_state[f"drawn-{name}"] = drawn
    latest = background(name)
    busy = not latest.finished or latest.has_news()  # an end that came while the page was drawn is on nobody's page yet
    data = {"bell": name, "drawn": drawn, "busy": busy, "patience": PATIENCE}
    _component(data=data, default={"ring": 0}, on_ring_change=_nothing, key=f"bell-{name}")


def _drawn(name: str) -> int:
    """How often the bell of that name was drawn."""
    return st.session_state.get(f"drawn-{name}", 0)


@st.fragment
def heartbeat(*names: str) -> None:
    """Look for news of every ``background(name)`` as long as one of them is at work, and for drawings that were lost on their way.

    Streamlit drops the last messages of a run when a request to run again arrives before they are delivered, so an answer may be
    drawn and never reach the browser. The browser knows the number of the drawing it has, this says which it should have.

    It stands on the page itself, not in the fragment with the bell: a fragment within a fragment that is run twice in a moment
    reaches the browser before its place does, which breaks the page.
    """
    state = st.session_state.get("heartbeat")
    found = {name: background(name) for name in names}
    at_work = [latest for latest in found.values() if not latest.finished]
    for latest in at_work:
        latest.has_news(WAIT / len(at_work))
    # in this order: whoever finishes between the two lines has news then; the other way round it would be neither busy nor news
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
