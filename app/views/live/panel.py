"""The heart of the Live page: a method's sliders, cards that follow them, and figures that follow the cards."""

from typing import Any

import pandas as pd
import streamlit as st

from common.address import number, remember
from common.shell import say, theme
from labkit import figures, live
from labkit.audit import confusion_change, flips
from labkit.compress import Method
from views.live.fill_button import fill_button
from views.live.pictures import pictures
from widgets.cards import live_cards
from widgets.figure import live_figure
from widgets.pulse import background, bell
from widgets.slider import live_slider, slider_value

MISTAKES = (ValueError, TypeError, OSError, RuntimeError)  # a method from outside may raise torch's own
# seconds a move waits for its first answer, which then is drawn at once; after that the page is free for the next move
PATIENCE = 0.45


@st.fragment
def live_panel(place: live.Session, way: Method, words: dict[str, str]) -> None:
    """Draw everything that follows from where the sliders stand."""
    params = way.sliders
    if not params:
        _without_slider(place, way, words)
        return
    keys = {name: f"slide-{way.name}-{name}" for name in params}
    numbers = {name: slider_value(keys[name], number(name, param.default), param.grid()) for name, param in params.items()}
    settings = {**words, **numbers}
    for name, param in params.items():
        remember(name, float(numbers[name]), float(param.default))
    first = next(iter(params))
    known = place.steps(way, settings)
    controls, cards, charts = st.container(), st.container(), st.container()

    with cards:
        progress, busy = _answer(place, way, settings, exact=numbers[first] in known)
        live_cards(
            known,
            slider=keys[first],
            value=numbers[first],
            summary=None if progress is None else progress.audit.summary,
            status=_status(progress) if progress or busy else "",
            known_status=f"Exact: all {len(place.split):,} test examples.",
        )
    with charts:
        shown, value = _last((id(place), way.name, *words.items()), progress, numbers[first])
        if shown is not None:
            _charts(place, shown, first, value, known)
            fill_button(place, way, settings, len(known))
    with controls:
        for name, param in params.items():
            live_slider(name, param.grid(), value=numbers[name], key=keys[name], help=param.help)
    bell("answers")


def _last(subject: tuple, progress: live.Progress | None, value: float) -> tuple[live.Progress | None, float]:
    """The newest answer about `subject` and the value it is for: while a move waits for its own, the figures of the last stay."""
    if progress is not None:
        st.session_state["last"] = (subject, progress, value)
    about, last, place = st.session_state.get("last", (None, None, value))
    return (last, place) if about == subject else (None, value)


def _without_slider(place: live.Session, way: Method, words: dict[str, str]) -> None:
    progress, busy = _answer(place, way, words, exact=False)
    if progress is not None:
        live_cards({}, slider=way.name, value=0.0, summary=progress.audit.summary, status=_status(progress))
        _charts(place, progress, None, 0.0, {})
    elif busy:
        st.caption(_status(None))
    bell("answers")


def _answer(place: live.Session, way: Method, settings: dict[str, Any], *, exact: bool) -> tuple[live.Progress | None, bool]:
    """The newest audit of these settings, and whether a better one is being computed; what went wrong is said in a sentence."""
    latest = background("answers")
    if exact:
        latest.cancel()
        return next(live.progressive_audit(way, settings, place.split, model=place)), False
    question = (id(place), way.name, way.version, tuple(sorted(settings.items())))
    try:
        latest.ask(question, lambda cancel: live.progressive_audit(way, settings, place.split, cancel=cancel, model=place))
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


def _charts(place: live.Session, progress: live.Progress, slider: str | None, value: float, known: dict[float, Any]) -> None:
    audit = progress.audit
    where = "" if slider is None else f" at {slider} {value:g}"
    left, right = st.columns(2)
    with left:
        st.subheader(f"Which classes pay{where}?")
        live_figure(
            figures.class_change(audit.per_class, theme=theme()),
            "left of the line a class lost accuracy, right of it it gained; whiskers are 95 % intervals.",
            alt=f"Change of accuracy by class{where}",
            key="live-classes",
            value=value,
        )
    with right:
        if slider is not None and len(known) > 2:
            st.subheader("Accuracy over the whole slider")
            curve = pd.DataFrame(known).T
            live_figure(
                figures.slider_curve(curve, value=value, x_label=slider, theme=theme()),
                "the band is the 95 % interval, the dotted line the uncompressed network, the dot where the slider stands.",
                alt=f"Accuracy over {slider}",
                key="live-curve",
                value=value,
            )
    left, right = st.columns(2)
    with left:
        st.subheader("Where did the decisions go?")
        live_figure(
            figures.confusion_change(confusion_change(audit), theme=theme()),
            "examples of the class on the left that moved to the class below; orange is for the worse, blue for the better.",
            alt=f"Change of the confusion matrix{where}",
            key="live-confusion",
            value=value,
        )
    with right:
        st.subheader("What does it now get wrong?")
        pictures(place.split if progress.exact else place.split.subset(place.order[: progress.examples]), flips(audit, "lost"))
    if progress.sharing is not None:
        st.subheader(f"Which blocks share what{where}?")
        live_figure(
            figures.shared_bases(progress.sharing, theme=theme()),
            "blocks of one colour share a basis, and each layer keeps a factor with as many links as its cell says; "
            "on the right what they take, in grey what the blocks took before.",
            alt=f"Blocks that share a basis{where}",
            key="live-sharing",
            value=value,
        )
