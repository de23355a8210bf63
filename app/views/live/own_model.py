"""A form that opens the user's own network; it closes into one line once the network is open."""

from typing import Any

import streamlit as st

from common.shell import MISTAKES, options
from common.words import plain
from labkit import live, models, runs
from labkit.stamps import Stamp, stamp
from views.live import own_offers as offers
from views.live import own_training as training
from views.live.fields import FIELDS, in_fields
from views.live.own_given import UNSET, Given, absorb, ask, asked, field_key, given, in_words, meant, note

OWN = "your own"
NETWORK = "timm:NAME for any timm model, or a reference model; code of your own: labkit app --model file.py:function"
WEIGHTS = "Without a file, timm models have random weights"
DATA = "A data set's name, a folder of images by class, or a CSV file"


def own_model() -> live.Session | None:
    """Draw the form, or one line about the network that it opened; return the session of that network, or None.

    Files are read again when they have changed, at the next run of the page.
    """
    if options().public:
        return _of_the_command_line()
    absorb()
    session, wrong = _opened()
    with st.container():
        if session is not None and not st.session_state.get("own-changing"):
            _line()
        else:
            wrong += _form()
        failed = training.progress() if training.is_offered() else ""
        wrong += [failed] if failed else []
        if wrong:
            st.error(_list([in_fields(sentence) for sentence in dict.fromkeys(wrong)]), icon=":material/warning:")
    note()
    return session


def _of_the_command_line() -> live.Session | None:
    """Return the session of the network that the dashboard was started with: visitors from elsewhere open no files."""
    session, wrong = (
        _opened() if options().own else (None, ["the form that opens files is off, since other machines reach this page"])
    )
    if wrong:
        st.error(_list(wrong), icon=":material/warning:")
    return session


def _line() -> None:
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.markdown(in_words(asked() or given()))
    right.button("Change", key="own-change", width="stretch", on_click=st.session_state.update, args=({"own-changing": True},))


def _form() -> list[str]:
    """Draw the fields and the buttons; return what is wrong with what a button was to do."""
    with st.container(border=True):
        name, weights = st.columns(2)
        _text(name, "name", placeholder="timm:resnet18", help=NETWORK)
        offers.offer(name, "name", offers.networks(), label="networks")
        _text(weights, "weights", placeholder="checkpoint.safetensors", help=WEIGHTS)
        offers.offer(weights, "weights", offers.weights(), label="files of weights")
        _text(st, "data", placeholder="pictures/", help=DATA)
        offers.offer(st, "data", offers.data_sets(), label="data")  # type: ignore[arg-type]
        cells = st.columns(4)
        _text(cells[0], "target", help="For a CSV file")
        _text(cells[1], "groups", help="For a CSV file, separated by commas")
        _text(cells[2], "favourable", help="The class that people want, for fairness")
        _number(cells[3])
        columns = offers.columns()
        if columns:
            empty = "groups" if given()["target"] else "target"
            st.caption(f"Columns of the table; a tap makes one the {FIELDS[empty].removesuffix('s')}:")
            offers.offer(st, empty, columns, label="columns", more=empty == "groups")  # type: ignore[arg-type]
        _more()
        st.caption(f"Relative paths begin at {plain(options().start)}.")
        return _buttons()


def _buttons() -> list[str]:
    left, right, _ = st.columns([1, 2, 2], vertical_alignment="center")
    if left.button("Open", key="own-open", type="primary", width="stretch"):
        ask()
        st.session_state["own-changing"] = False
        st.rerun()
    if training.is_offered() and not training.is_running() and right.button(training.OFFER, key="own-train", width="stretch"):
        st.session_state["own-changing"] = False
        ask(False)
        wrong = training.start()
        if not wrong:
            st.rerun()
        return wrong
    return []


def _more() -> None:
    """Draw how a CSV file is read, for one that is not read as it should be."""
    fields = ("encoding", "separator", "categories", "drop")
    filled = any(given()[key] for key in (*fields, "missing", "decimal"))
    with st.expander("More, for a CSV file", expanded=filled):
        cells = st.columns(3)
        _text(cells[0], "encoding", placeholder="utf-8", help="E.g. latin-1 or cp1252")
        _text(cells[1], "separator", placeholder="found", help="One character, or tab")
        _box(cells[2], "decimal", ("found", ".", ","))
        cells = st.columns(3)
        _box(cells[0], "missing", ("refuse", "drop"))
        _text(cells[1], "categories", help="Numbers that are no quantities, e.g. postal codes; separated by commas")
        _text(cells[2], "drop", help="E.g. an identifier; separated by commas")


def _text(place: Any, name: str, **field: Any) -> None:
    key = _seeded(name, str(given()[name] or ""))
    place.text_input(FIELDS["model" if name == "name" else name], key=key, **field)


def _number(place: Any) -> None:
    key = _seeded("size", given()["size"])
    place.number_input(FIELDS["size"], 1, 4096, key=key, help="For a folder: pixels of a side; resizes all")


def _box(place: Any, name: str, words: tuple[str, ...]) -> None:
    """Draw a select box with an option that leaves the field empty."""
    key = _seeded(name, given()[name] if given()[name] in words else UNSET[name])
    place.selectbox(FIELDS[name], words, key=key)


def _seeded(name: str, value: Any) -> str:
    """Return the key of a field that shows `value` when it is drawn for the first time, or again after it was closed."""
    key = field_key(name)
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def _list(sentences: list[str]) -> str:
    lines = [plain(sentence) for sentence in sentences]
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def _opened() -> tuple[live.Session | None, list[str]]:
    """Open what the form held when Open was pressed; return everything that is wrong with it instead.

    What could not be opened is not tried again while the fields are being corrected.
    """
    pressed = asked()
    if pressed is None or (st.session_state.get("own-failed") == pressed != given()):
        return None, []
    st.session_state["own-failed"] = None
    named = meant(pressed)
    try:
        if not named["name"]:
            raise ValueError("no network given")
        return _open(tuple(sorted(named.items())), stamp(named.get("weights")), stamp(named.get("data"))), []
    except MISTAKES as error:
        st.session_state["own-failed"] = pressed
        return None, _wrong(named, error)


def _wrong(named: Given, error: Exception) -> list[str]:
    """Return the error with whatever else can be seen to be wrong; it may be said there in other words."""
    seen = list(models.defects(**named))
    said = str(error)
    same = said == "no network given" or said.startswith(f"{named.get('data')}: a table needs") or said in seen
    return seen if same and seen else [said, *seen]


@st.cache_resource(max_entries=2, show_spinner="Opening the network and its data …")
def _open(given: tuple[tuple[str, Any], ...], weights: Stamp, data: Stamp) -> live.Session:
    """Open what the form names; the stamps are those of its files, so that changed ones are opened again."""
    named = dict(given)
    name = named.pop("name")
    network, dataset = models.open_model(name, **named)
    models.check_takes(network, dataset.test, name, dataset.name)
    how = {key: value for key, value in named.items() if key not in ("weights", "data")}
    return live.Session(network, dataset.test, dataset, sources=runs.sources_of(network, named.get("data"), **how))
