"""The sliders of a method, cards that follow them, and figures that follow the cards."""

from typing import Any

import streamlit as st

from common.address import number, remember
from common.shell import MISTAKES, say
from labkit import live
from labkit.compress import Method
from views.live.charts import charts
from views.live.fill_button import fill_button
from widgets.cards import live_cards
from widgets.pulse import background, bell
from widgets.slider import live_slider, slider_value

# seconds a move waits for its first answer, which is drawn at once then; after that the page is free for the next move
PATIENCE = 0.45


@st.fragment
def live_panel(session: live.Session, method: Method, choices: dict[str, str]) -> None:
    """Draw everything that follows from the positions of the sliders; `choices` are the other parameters."""
    params = method.sliders
    if not params:
        _without_slider(session, method, choices)
        return
    keys = {name: f"slide-{method.name}-{name}" for name in params}
    numbers = {
        name: slider_value(keys[name], number(name, param.default, within=method.name), param.grid())
        for name, param in params.items()
    }
    settings = {**choices, **numbers}
    for name, param in params.items():
        remember(name, float(numbers[name]), float(param.default), within=method.name)
    first = next(iter(params))
    known = session.steps(method, settings)
    controls, cards, below = st.container(), st.container(), st.container()

    with cards:
        progress, busy = _answer(session, method, settings, exact=numbers[first] in known)
        live_cards(
            known,
            slider=keys[first],
            value=numbers[first],
            summary=None if progress is None else progress.audit.summary,
            status=_status(progress) if progress or busy else "",
            known_status=f"Exact: all {len(session.split):,} test examples.",
        )
    with below:
        shown, value = _last((session.known(), method.name, method.apply, *choices.items()), progress, numbers[first])
        if shown is not None:
            charts(session, method, shown, first, value, known)
            fill_button(session, method, settings, len(known))
    with controls:
        for name, param in params.items():
            live_slider(name, param.grid(), value=numbers[name], key=keys[name], help=param.help)
    bell("answers")


def _last(subject: tuple, progress: live.Progress | None, value: float) -> tuple[live.Progress | None, float]:
    """Return the newest answer about `subject` and its slider value: until a move has its own answer, the last figures stay."""
    if progress is not None:
        st.session_state["last"] = (subject, progress, value)
    about, last, place = st.session_state.get("last", (None, None, value))
    return (last, place) if about == subject else (None, value)


def _without_slider(session: live.Session, method: Method, choices: dict[str, str]) -> None:
    progress, busy = _answer(session, method, choices, exact=False)
    if progress is not None:
        live_cards({}, slider=method.name, value=0.0, summary=progress.audit.summary, status=_status(progress))
        charts(session, method, progress, None, 0.0, {})
    elif busy:
        st.caption(_status(None))
    bell("answers")


def _answer(session: live.Session, method: Method, settings: dict[str, Any], *, exact: bool) -> tuple[live.Progress | None, bool]:
    """Return the newest audit of these settings and whether a better one is being computed; an error is shown as a sentence."""
    latest = background("answers")
    question = (session.known(), method.name, method.version, method.apply, tuple(sorted(settings.items())))
    try:
        if exact:
            latest.cancel()
            return next(live.progressive_audit(method, settings, session.split, model=session)), False
        latest.ask(question, lambda cancel: live.progressive_audit(method, settings, session.split, cancel=cancel, model=session))
        return latest.newest(PATIENCE), not latest.finished
    except MISTAKES as error:
        say(error)
        return None, False


def _status(progress: live.Progress | None) -> str:
    if progress is None:
        return "Compressing and auditing …"
    if progress.exact:
        return f"Exact: all {progress.total:,} test examples."
    return f"So far: {progress.examples:,} of {progress.total:,} test examples; intervals narrow as more come in."
