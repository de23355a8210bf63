"""A fragment that draws itself again when something in the background has news, without holding up the slider meanwhile."""

import streamlit as st

from components.assets import read
from labkit import live

_component = st.components.v2.component("labkit_pulse", js=read("pulse.js"))
WAIT = 0.06  # seconds a beat waits for news; a move of the slider waits as long at most


def redraw_on_news(latest: live.Latest, *, key: str, every: int = 20) -> None:
    """Call it last in a fragment: it runs again when `latest` has an answer that its `newest` has not given yet.

    Parameters
    ----------
    latest : Latest
    key : str
    every : int
        Milliseconds between two looks.
    """
    _component(data={"bell": True, "name": key}, default={"ring": 0}, on_ring_change=_nothing, key=f"{key}-bell")
    _beat(latest, key, every)


@st.fragment
def _beat(latest: live.Latest, key: str, every: int) -> None:
    state = st.session_state.get(f"{key}-beat")
    beat = 0 if state is None else state.get("beat", 0)
    busy = not latest.finished
    news = latest.has_news(WAIT if busy else 0)
    # the count makes every piece of news a message of its own
    data = {"bell": False, "name": key, "busy": busy, "news": news, "count": latest.count, "beat": beat, "every": every}
    _component(data=data, default={"beat": 0}, on_beat_change=_nothing, key=f"{key}-beat")


def _nothing() -> None:
    """Streamlit reruns for a state only if it has a callback."""
