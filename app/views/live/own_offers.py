"""Offers below a field of the form "your own": how a path may go on, the columns of a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from common.shell import options
from common.words import plain
from labkit import data, live, models
from labkit.data.opening import TAB, is_table
from labkit.models.own import OWN
from labkit.stamps import Stamp, stamp
from views.live.own_given import field_key, given, keep, meant


def offer(place: DeltaGenerator, name: str, offers: Sequence[str], *, label: str, more: bool = False) -> None:
    """Draw words that fill in a field when one is tapped; with `more` they are appended after a comma."""
    if not offers:
        return
    key = f"own-offer-{name}"

    def take() -> None:
        chosen, before = st.session_state[key], str(given()[name]).strip(" ,")
        if chosen:
            value = f"{before}, {chosen}" if more and before else chosen
            st.session_state[field_key(name)] = value
            keep(**{name: value})
        st.session_state[key] = None

    place.pills(label, offers, format_func=plain, key=key, on_change=take, label_visibility="collapsed")


def networks() -> list[str]:
    """Return the networks that can be opened by name, while none is typed."""
    return [] if given()["name"] else [*OWN, *models.cards()]


def weights() -> list[str]:
    """Return how the path of the weights may go on."""
    return live.matches(given()["weights"], options().start, live.is_weights)


def data_sets() -> list[str]:
    """Return how the name or path of the data may go on."""
    typed = given()["data"]
    found = [] if typed in data.CATALOGUE else live.matches(typed, options().start, is_table)
    named = [name for name in data.CATALOGUE if typed and typed in name and typed != name]
    return [*named, *found][:8]


def columns() -> list[str]:
    """Return the columns of the table that the field "data" names and no field uses yet."""
    asked = meant()
    path = asked.get("data", "")
    if not is_table(path) or not Path(path).is_file():
        return []
    mark = asked.get("separator")
    found = _columns(path, asked.get("encoding"), TAB.get(mark, mark), stamp(path))
    used = {asked.get("target"), *asked.get("groups", ())}
    return [name for name in found if name not in used]


@st.cache_data(max_entries=8, show_spinner=False)
def _columns(path: str, encoding: str | None, separator: Any, changed: Stamp) -> tuple[str, ...]:
    return data.column_names(path, encoding=encoding, separator=separator)
