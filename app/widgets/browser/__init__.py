"""What the dashboard needs of the browser: a history with one entry a choice, and word of another theme."""

import streamlit as st

from widgets import read

_component = st.components.v2.component("labkit_browser", js=read("browser/browser.js"))
HIDDEN = "<style>.st-key-browser {position: absolute; height: 0; overflow: hidden;}</style>"


def browser() -> None:
    """Draw it, invisibly, once on every page, before anything that writes the address."""
    with st.container(key="browser"):
        st.html(HIDDEN)
        _component(default={"theme": None}, on_theme_change=_nothing, key="browser-theme")


def _nothing() -> None:
    """Streamlit reruns for a state only if it has a callback."""
