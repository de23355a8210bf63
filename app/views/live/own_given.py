"""What the form "your own" holds: kept through reloads in the address, and as the library takes it."""

from typing import Any

import streamlit as st

from common.address import remember
from common.shell import options
from labkit import live
from labkit.models import is_own
from labkit.registry import Names
from views.live.fields import FIELDS

KEYS = tuple("name" if key == "model" else key for key in FIELDS)
LISTS = ("groups", "categories", "drop")
Given = dict[str, Any]


def given() -> Given:
    """Return the values of the fields: those of this session, else of the address, else of the command line; text and one number."""
    if "own-given" not in st.session_state:
        found = {key: st.query_params[_param(key)] for key in KEYS if _param(key) in st.query_params}
        if not found:
            found = {key: ",".join(value) if isinstance(value, list) else value for key, value in options().own.items()}
            st.session_state["own-asked"] = bool(found)
        else:
            st.session_state["own-asked"] = "own" in st.query_params
        st.session_state["own-given"] = {**dict.fromkeys(KEYS, ""), **found, "size": _whole(found.get("size"))}
    return st.session_state["own-given"]


def asked() -> bool:
    """Whether what the fields hold is to be opened: Open was pressed, here or before a reload."""
    given()
    return bool(st.session_state.get("own-asked"))


def ask(wanted: bool = True) -> None:
    """Open what the fields hold, or open nothing until Open is pressed again."""
    st.session_state["own-asked"] = wanted


def keep(**values: Any) -> None:
    """Set fields."""
    st.session_state["own-given"] = {**given(), **values}


def note() -> None:
    """Write the fields into the address, so that a reload finds them; code is never imported from there."""
    for key, value in given().items():
        remember(_param(key), value or "", "")
    remember("own", "open" if asked() else "", "")


def meant() -> dict[str, Any]:
    """Return the fields as `labkit.models.open_model` takes them, with absolute paths."""
    found: dict[str, Any] = {key: value.strip() if isinstance(value, str) else value for key, value in given().items()}
    found = {key: Names().parse(value) if key in LISTS else value for key, value in found.items()}
    found |= {key: live.resolved(found[key], options().start) for key in ("weights", "data") if found[key]}
    return {key: value for key, value in found.items() if value} | {"name": found["name"]}


def in_words() -> str:
    """Return the network and its data in one line."""
    found = given()
    parts = [found["name"] if is_own(found["name"]) else f"`{found['name']}`"]
    parts += [f"weights `{found['weights']}`"] if found["weights"] else []
    parts += [f"data `{found['data']}`"] if found["data"] else []
    parts += [f"target `{found['target']}`"] if found["target"] else []
    return " · ".join(parts)


def _param(key: str) -> str:
    return f"own-{key}"


def _whole(text: Any) -> int | None:
    return int(text) if text and str(text).isdecimal() and 1 <= int(text) <= 4096 else None
