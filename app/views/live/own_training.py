"""The offer to train a small network on a table of one's own, with its progress; a reload finds a training that runs."""

from pathlib import Path
from typing import Any

import streamlit as st

from common.shell import MISTAKES, options
from common.words import plain
from labkit import data, live
from labkit.data.opening import is_table
from labkit.models.small_mlp import SMALL_MLP
from labkit.stamps import Stamp, stamp
from views.live.own_given import ask, fill_in, given, meant

OFFER = "Train a small network on this table"
Question = tuple[tuple[str, Any], ...]


@st.cache_resource(max_entries=1, show_spinner=False)
def _trainings() -> dict[Question, live.SmallTraining]:
    """The trainings of this server by what they are trained on: whoever asks for the same finds it."""
    return {}


@st.cache_resource(max_entries=2, show_spinner="Reading the table …")
def _read(question: Question, changed: Stamp) -> data.Dataset:
    asked = dict(question)
    return data.open_dataset(asked.pop("data"), **asked)


def is_offered() -> bool:
    """Whether the fields name a table and what to predict in it."""
    asked = meant()
    return is_table(asked.get("data", "")) and Path(asked["data"]).is_file() and bool(asked.get("target"))


def start() -> list[str]:
    """Start the training, or open the network that an earlier one has kept; return what is wrong instead."""
    question = _question()
    try:
        table = _read(question, stamp(dict(question)["data"]))
        place = live.weights_place(table, options().store)
        if place.is_file():
            _open(place)  # an earlier training of the same table
            return []
        before = _trainings().get(question)
        if before is None or not before.running:
            _trainings()[question] = live.SmallTraining(table, place)
    except MISTAKES as error:
        return [str(error)]
    return []


def progress() -> str:
    """Draw the training of this table while one runs; return why it failed, once."""
    training = _trainings().get(_question())
    if training is None or (given()["name"] not in ("", SMALL_MLP) and not training.running):
        return ""
    if training.running:
        _running()
        return ""
    del _trainings()[_question()]
    if training.error is not None:
        return f"the training failed: {training.error}"
    if not training.stopped:
        _open(training.path)
        st.rerun()
    return ""


def is_running() -> bool:
    """Whether this table is being trained on."""
    training = _trainings().get(_question())
    return training is not None and training.running


@st.fragment(run_every=0.5)
def _running() -> None:
    training = _trainings().get(_question())
    if training is None or not training.running:
        st.rerun()
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    step = training.step
    if step is None:
        left.progress(0.0, text="The training begins …")
    else:
        said = f"; {step.message}" if step.message else ""
        left.progress(step.done / step.total, text=f"Training, about {max(round(step.seconds_left), 1)} s left{plain(said)}")
    right.button("Stop", key="own-training-stop", on_click=training.stop, width="stretch")


def _open(place: Path) -> None:
    fill_in(name=SMALL_MLP, weights=str(place))
    ask()


def _question() -> Question:
    asked = {key: value for key, value in meant().items() if key not in ("name", "weights", "size")}
    return tuple(sorted(asked.items()))
