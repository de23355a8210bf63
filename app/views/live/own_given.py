"""What the form "your own" holds: kept through reloads in the address, and as the library takes it."""

from typing import Any

import streamlit as st

from common.address import remember
from common.shell import options
from common.words import code
from labkit import live
from labkit.registry import Names
from views.live.fields import FIELDS

KEYS = tuple("name" if key == "model" else key for key in FIELDS)
LISTS = ("groups", "categories", "drop")
UNSET = {"decimal": "found", "missing": "refuse"}  # how a select box says that its field is empty
Given = dict[str, Any]


def given() -> Given:
    """Return the values of the fields: of this session, else of the address, else of the command line."""
    if "own-given" not in st.session_state:
        typed = () if options().public else KEYS  # a visitor from elsewhere opens no file by its address
        kept = {key: st.query_params[_param(key)] for key in typed if _param(key) in st.query_params}
        found = kept or {key: ",".join(value) if isinstance(value, list) else value for key, value in options().own.items()}
        found = {**dict.fromkeys(KEYS, ""), **found, "size": _whole(found.get("size"))}
        st.session_state["own-given"] = found
        st.session_state["own-asked"] = (
            dict(found) if (options().own and not kept) or (typed and "own" in st.query_params) else None
        )
    return st.session_state["own-given"]


def absorb() -> None:
    """Take over what was typed since the last run, before anything is drawn."""
    for key, value in st.session_state.pop("own-later", {}).items():
        st.session_state[field_key(key)] = value
    typed = {key: st.session_state[field_key(key)] for key in KEYS if field_key(key) in st.session_state}
    keep(**{key: "" if key in UNSET and value == UNSET[key] else value for key, value in typed.items()})


def field_key(name: str) -> str:
    """Return the key of a field's widget."""
    return f"own-field-{name}"


def asked() -> Given | None:
    """Return what the fields held when Open was pressed, here or before a reload; None before that."""
    given()
    return st.session_state.get("own-asked")


def ask(wanted: bool = True) -> None:
    """Open what the fields hold, or open nothing until Open is pressed again."""
    st.session_state["own-asked"] = dict(given()) if wanted else None


def keep(**values: Any) -> None:
    """Set fields."""
    st.session_state["own-given"] = {**given(), **values}


def fill_in(**values: Any) -> None:
    """Set fields that may have been drawn already in this run, which must run again."""
    keep(**values)
    st.session_state["own-later"] = values


def note() -> None:
    """Write the fields into the address, so that a reload finds them; code is never imported from there."""
    for key, value in given().items():
        remember(_param(key), value or "", "")
    remember("own", "open" if asked() == given() else "", "")


def meant(fields: Given | None = None) -> dict[str, Any]:
    """Return fields, by default those of the form, as `labkit.models.open_model` takes them, with absolute paths."""
    fields = given() if fields is None else fields
    found: dict[str, Any] = {key: value.strip() if isinstance(value, str) else value for key, value in fields.items()}
    found = {key: Names().parse(value) if key in LISTS else value for key, value in found.items()}
    found |= {key: live.resolved(found[key], options().start) for key in ("weights", "data") if found[key]}
    return {key: value for key, value in found.items() if value} | {"name": found["name"]}


def in_words(found: Given) -> str:
    """Return the network and its data in one line."""
    parts = [code(found["name"])]
    parts += [f"weights {code(found['weights'])}"] if found["weights"] else []
    parts += [f"data {code(found['data'])}"] if found["data"] else []
    parts += [f"target {code(found['target'])}"] if found["target"] else []
    return " · ".join(parts)


def _param(key: str) -> str:
    return f"own-{key}"


def _whole(text: Any) -> int | None:
    return int(text) if text and str(text).isdecimal() and 1 <= int(text) <= 4096 else None
