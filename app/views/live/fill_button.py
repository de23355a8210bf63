"""Audit every step of a slider in the background, with progress and a way to stop it."""

from typing import Any

import streamlit as st

from common.shell import MISTAKES, say
from labkit import live
from labkit.compress import Method
from widgets.pulse import background, bell


def fill_button(session: live.Session, method: Method, settings: dict[str, Any], known: int) -> None:
    """Offer to audit the steps that have no result yet; draw nothing when all have one."""
    slider = live.slider_of(method.name)
    steps = len(method.sliders[slider].grid())
    filler = background("steps")
    others = tuple(sorted((name, value) for name, value in settings.items() if name != slider))
    question = (session.known(), method.name, method.apply, others)
    running = filler.question == question and not filler.finished
    if known >= steps and not running:
        return
    left, right = st.columns([3, 1], vertical_alignment="center")
    found = None
    if filler.question == question:
        try:
            found = filler.newest()
        except MISTAKES as error:
            say(error)
            running = False
    if running:
        done, total = found or (known, steps)
        left.progress(done / total, text=f"{done} of {total} steps audited")
        right.button("Stop", width="stretch", key="fill-stop", on_click=filler.cancel)
        bell("steps")
    else:
        left.caption(f"{known} of {steps} steps of this slider are audited; the remaining steps are computed on demand.")
        ask = (question, lambda cancel: live.fill(method.name, settings, session, cancel))
        right.button("Audit every step", width="stretch", key="fill-start", on_click=filler.ask, args=ask)
