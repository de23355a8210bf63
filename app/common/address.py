"""Settings of a page in its address, so that it can be reloaded, bookmarked and shared."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def choose(place: DeltaGenerator, label: str, options: Sequence[str], *, name: str, start: str | None = None, **box: Any) -> str:
    """Draw a select box whose choice is kept in the address as ``name``; `start` is the choice without one.

    Streamlit's own binding writes labels into the address; these are the options themselves, e.g. ids of runs.
    """
    options, asked = list(options), st.query_params.get(name)
    start = start if start in options else options[0]
    if asked is not None and box.get("accept_new_options") and asked not in options:
        options.append(asked)
    chosen = place.selectbox(label, options, index=options.index(asked if asked in options else start), **box)
    remember(name, chosen, start)
    return chosen


def remember(name: str, value: Any, default: Any = None) -> None:
    """Write a setting into the address; the default is left out."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if value == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def number(name: str, default: float) -> float:
    """Return a number from the address, or the default where there is none."""
    try:
        return float(st.query_params.get(name, default))
    except ValueError:
        return default
