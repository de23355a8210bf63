"""Cards with an audit's headlines, which follow a slider."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from labkit.audit import Headline, headlines
from widgets import read

_component = st.components.v2.component("labkit_live_cards", css=read("cards/cards.css"), js=read("cards/cards.js"))


def live_cards(
    known: Mapping[float, Any],
    *,
    slider: str,
    others: Collection[str] = (),
    value: float,
    summary: Any = None,
    status: str = "",
    known_status: str = "",
) -> None:
    """Draw one card per headline; while the slider moves over values in `known`, cards change without a request to Python.

    Parameters
    ----------
    known : mapping of slider value to `Audit.summary`
        Exact results.
    slider : str
        Key of the slider they follow.
    others : collection of str
        Keys of sliders whose move makes them wait for the next answer.
    value : float
        Slider value of `summary`.
    summary : Series or mapping, optional
        Results for a value that is not in `known`.
    status, known_status : str
        One line below the cards: for `summary`, and for values in `known`.
    """
    rows = {_name(step): headlines(figures) for step, figures in known.items()}
    row = headlines(summary) if summary is not None else None
    shown = row or next(iter(rows.values()), [])
    cells = {step: _cells(lines) for step, lines in rows.items()}
    # the browser reports which table it has, so that a move does not send the same results again
    version = hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]
    key = f"{slider}-cards"
    has = (st.session_state.get(key) or {}).get("has")
    data = {
        "version": version,
        "slider": slider,
        "others": [key for key in others if key != slider],
        "value": value,
        "titles": [[line.key, line.title, line.help] for line in shown],
        "rows": None if has == version else cells,
        "row": None if row is None else _cells(row),
        "status": status,
        "known": known_status,
        "waiting": "Compressing and auditing …",
    }
    _component(data=data, default={"has": None}, on_has_change=_nothing, key=key)


def _nothing() -> None:
    """Streamlit reruns for a state only if it has a callback."""


def _cells(lines: list[Headline]) -> list[list[str]]:
    return [[line.value, line.delta, line.tone] for line in lines]


def _name(step: float) -> str:
    """Format a number as JavaScript does."""
    return str(int(step)) if step == int(step) else repr(float(step))
