"""What the dashboard needs of the browser: a history with one entry a choice, word of another theme and of lost drawings."""

import streamlit as st

from widgets import read

_component = st.components.v2.component("labkit_browser", js=read("browser/browser.js"))
HIDDEN = "<style>.st-key-browser {position: absolute; height: 0; overflow: hidden;}</style>"


PATIENCE = 2000  # milliseconds that a page may rest without its end


def browser() -> None:
    """Draw it, invisibly, once on every page, before anything that writes the address; `page_end` comes last."""
    run = st.session_state["run"] = st.session_state.get("run", 0) + 1
    with st.container(key="browser"):
        st.html(HIDDEN)
        _component(
            data={"run": run, "patience": PATIENCE},
            default={"theme": None, "lost": 0},
            on_theme_change=_nothing,
            on_lost_change=_nothing,
            key="browser-theme",
        )


def page_end() -> None:
    """Mark the end of a page: a browser that has it has everything that was drawn before it."""
    st.html(f'<span class="page-end" data-run="{st.session_state["run"]}"></span>')


def _nothing() -> None:
    """Streamlit reruns for a state only if it has a callback."""
