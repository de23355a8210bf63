"""A verdict, the sliders of a method, cards that follow them, and figures that follow the cards."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from common.address import number, remember
from common.shell import MISTAKES, say
from common.verdict import verdict_line
from labkit import live
from labkit.compress import Method
from views.live.charts import charts
from views.live.fill_button import fill_button
from views.live.keep_button import keep_button
from widgets.cards import live_cards
from widgets.pulse import background, bell
from widgets.slider import live_slider, slider_value

# seconds a move waits for its first answer, which is drawn at once then; after that the page is free for the next move
PATIENCE = 0.45
WAITING = "Compressing and auditing …"


@st.fragment
def live_panel(session: live.Session, method: Method, choices: dict[str, str], network: str) -> None:
    """Draw everything that follows from the positions of the sliders; `choices` are the other parameters."""
    with session.looked_at():
        _panel(session, method, choices, network)


def _panel(session: live.Session, method: Method, choices: dict[str, str], network: str) -> None:
    params = method.sliders
    if not params:
        _without_slider(session, method, choices)
        return
    within = f"{network} {method.name}"
    starts = _starts(session, method, choices)
    keys = {name: f"slide-{network}-{method.name}-{name}" for name in params}
    numbers = {
        name: slider_value(keys[name], number(name, starts[name], within=within), param.grid()) for name, param in params.items()
    }
    settings = {**choices, **numbers}
    for name in params:
        remember(name, float(numbers[name]), starts[name], within=within)
    first = next(iter(params))
    verdict, controls, cards, keeping, below, filling = (st.container() for _ in range(6))

    with filling:
        fill_button(session, method, settings)
    known = session.steps(method, settings)
    with cards:
        progress, busy = _answer(session, method, settings, exact=numbers[first] in known)
        live_cards(
            known,
            slider=keys[first],
            others=keys.values(),
            value=numbers[first],
            summary=None if progress is None else progress.audit.summary,
            status=_status(progress) if progress or busy else "",
            known_status=_exact(len(session.split), stored=session.stored(method, settings)),
        )
    with verdict:
        waiting = WAITING if busy else "This setting has no result."
        verdict_line(None if progress is None else progress.audit.summary, waiting, f"{numbers[first]:g}")
    subject = (session.known(), method.name, method.apply, *choices.items())
    with keeping:
        keep_button(session, method, settings)
    with below:
        shown, value = _last(subject, progress, numbers[first])
        if shown is not None:
            curve, measured_at = _curve(subject, known, {name: numbers[name] for name in params if name != first})
            charts(session, method, shown, first, value, curve, measured_at)
    with controls:
        for name, param in params.items():
            live_slider(name, param.grid(), value=numbers[name], key=keys[name], help=param.help)
    bell("answers")


def _starts(session: live.Session, method: Method, choices: dict[str, str]) -> dict[str, float]:
    """Where the sliders stand before anything is chosen; a mistake in the other settings is told by the answer."""
    try:
        return live.start(session, method, choices)
    except MISTAKES:
        return {name: float(param.default) for name, param in method.sliders.items()}


def _last(subject: tuple, progress: live.Progress | None, value: float) -> tuple[live.Progress | None, float]:
    """Return the newest answer about `subject` and its slider value: until a move has its own answer, the last figures stay."""
    if progress is not None:
        st.session_state["last"] = (subject, progress, value)
    about, last, place = st.session_state.get("last", (None, None, value))
    return (last, place) if about == subject else (None, value)


def _curve(subject: tuple, known: Mapping[float, Any], others: dict[str, float]) -> tuple[Mapping[float, Any], str]:
    """Return the curve over the first slider: while another one is moved the last curve stays, with where it was measured."""
    about, last, place = st.session_state.get("curve", (None, {}, others))
    if about != subject or len(known) > 2 or len(known) >= len(last):
        last, place = known, others
        st.session_state["curve"] = (subject, known, others)
    here = place == others
    return last, "" if here else ", ".join(f"{name} {value:g}" for name, value in place.items())


def _without_slider(session: live.Session, method: Method, choices: dict[str, str]) -> None:
    verdict = st.container()
    progress, busy = _answer(session, method, choices, exact=False)
    with verdict:
        verdict_line(None if progress is None else progress.audit.summary, WAITING if busy else "This setting has no result.", "")
    if progress is not None:
        live_cards({}, slider=method.name, value=0.0, summary=progress.audit.summary, status=_status(progress))
        keep_button(session, method, choices)
        charts(session, method, progress, None, 0.0, {})
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
        return WAITING
    if progress.exact:
        return _exact(progress.total, stored=progress.source == "grid")
    return f"So far: {progress.examples:,} of {progress.total:,} test examples; intervals narrow as more come in."


def _exact(total: int, *, stored: bool) -> str:
    """Say where exact figures come from."""
    source = "read from an audit that labkit ships" if stored else "compressed and audited here"
    return f"Exact: all {total:,} test examples, {source}."
