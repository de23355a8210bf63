"""Settings of a page in its address, so that it can be reloaded, bookmarked and shared."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from common.kept import Box, Kept
from common.words import plain
from widgets.slider import forget_sliders


def follow(page: str) -> None:
    """Call it at the beginning of every run of `page`: settings follow the address when the browser goes back or forward."""
    context = get_script_run_ctx()
    if kept().follow(page, st.query_params.to_dict(), bool(context and context.is_history_navigation)):
        forget_sliders()


def kept() -> Kept:
    """Return this visitor's settings."""
    return st.session_state.setdefault("kept-settings", Kept())


def choose(place: DeltaGenerator, label: str, options: Sequence[str], *, name: str, start: str | None = None, **box: Any) -> str:
    """Draw a select box whose choice is kept in the address as ``name``; `start` is the choice without one.

    Streamlit's own binding writes labels into the address; these are the options themselves, e.g. ids of runs. What the address
    names and is no option is said below the box. A choice that is an option no longer, e.g. a run of another network, becomes
    `start`, and so does what was never chosen when `start` becomes another.
    """
    settings, options = kept(), list(options)
    within = box.pop("key", "")
    key = within or f"choose-{settings.page}-{name}"
    start = start if start in options else options[0]
    text, asked = settings.find(name, within)
    free = bool(box.get("accept_new_options"))
    usable = text in options or (free and bool(text))
    drawn = settings.boxes.get(key)
    unchosen = drawn is not None and text is None and st.session_state.get(key) == drawn.shown
    if drawn is None or key not in st.session_state or drawn.turn != settings.turn or asked:
        drawn = settings.boxes[key] = Box(settings.turn, text if usable else start, start, text if asked and not usable else "")
        st.session_state[key] = drawn.shown
    elif (st.session_state[key] not in options and not free) or (unchosen and start != drawn.start):
        drawn.shown = st.session_state[key] = start
    drawn.start = start
    if st.session_state[key] not in options:
        options.append(st.session_state[key])
    box["format_func"] = _distinct(options, box.get("format_func", str))
    chosen = place.selectbox(label, options, key=key, **box)
    if chosen != drawn.shown:
        drawn.shown, drawn.unknown = chosen, ""
        settings.keep(name, chosen, within)
    if drawn.unknown:
        place.warning(f"no {label} '{plain(drawn.unknown)}'; showing {plain(box['format_func'](chosen))}")
    _write(name, chosen, start)
    return chosen


def remember(name: str, value: Any, default: Any = None, *, within: str = "") -> None:
    """Keep a setting and write it into the address; the default is left out.

    `within` distinguishes settings of a page that have one name, e.g. the sparsity of several methods.
    """
    text = _text(value)
    kept().keep(name, None if value == default else text, within)
    _write(name, value, default)


def number(name: str, default: float, *, within: str = "") -> float:
    """Return a number that was remembered or stands in the address, or the default where there is none."""
    text, _ = kept().find(name, within)
    try:
        return default if text is None else float(text)
    except ValueError:
        return default


def _write(name: str, value: Any, default: Any) -> None:
    text = _text(value)
    if value == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text
    kept().note(st.query_params.to_dict())


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _distinct(options: Sequence[str], words: Callable[[str], str]) -> Callable[[str], str]:
    """Words for every option, with the option itself where two would read the same: the browser knows them by their words."""
    often = Counter(words(option) for option in options)
    return lambda option: words(option) if often[words(option)] < 2 else f"{words(option)} ({option})"
