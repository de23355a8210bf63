"""A slider that reports while it is dragged; Streamlit's own reports when it is released."""

from collections.abc import Sequence

import streamlit as st

from widgets import read

_component = st.components.v2.component("labkit_live_slider", css=read("slider/slider.css"), js=read("slider/slider.js"))
TICKS = 6


def live_slider(
    label: str,
    steps: Sequence[float],
    *,
    value: float,
    key: str,
    help: str = "",
    unit: str = "",
    disabled: bool = False,
) -> float:
    """Draw a slider over `steps` and return its value.

    Use it in a fragment. Draw what depends on the value *before* calling this (see `slider_value`): the call tells the browser that
    its last value has been drawn, and that it may send the next.

    Parameters
    ----------
    label : str
    steps : sequence of float
        Every value it can take, ascending.
    value : float
        Initial value, and the new one whenever Python passes another.
    key : str
        Name in ``st.session_state``, and for the cards that follow it.
    help : str
        One line, shown as a hint.
    unit : str
        Shown after the value.
    disabled : bool
    """
    steps = [float(step) for step in steps]
    data = {
        "name": key,
        "label": label,
        "steps": steps,
        "ticks": ticks(steps),
        "digits": digits(steps),
        "value": slider_value(key, value, steps),
        "help": help,
        "unit": unit,
        "disabled": disabled,
        "round": _round(),
    }
    _component(data=data, default={"value": [data["value"], data["round"]]}, on_value_change=_nothing, key=key)
    return data["value"]


def slider_value(key: str, value: float, steps: Sequence[float]) -> float:
    """Return the current value of slider `key`: the last one from the browser, else the step nearest to `value`."""
    state = st.session_state.get(key)
    said, of = (None if state is None else state.get("value")) or (value, _round())
    wanted = said if of == _round() else value
    return min((float(step) for step in steps), key=lambda step: abs(step - wanted))


def forget_sliders() -> None:
    """Set every slider to the value that Python passes, e.g. when the browser has gone back; what it sent before counts no more."""
    st.session_state["slider-round"] = _round() + 1


def _round() -> int:
    return st.session_state.get("slider-round", 0)


def digits(steps: Sequence[float]) -> int:
    """Return the number of decimals that distinguish all steps."""
    return max((len(f"{step:.6f}".rstrip("0").split(".")[1]) for step in steps), default=0)


def ticks(steps: Sequence[float]) -> list[float]:
    """Return the steps to label: both ends and some between, evenly spaced."""
    if len(steps) <= TICKS:
        return list(steps)
    return [steps[round(i * (len(steps) - 1) / (TICKS - 1))] for i in range(TICKS)]


def _nothing() -> None:
    """Streamlit reruns the fragment for a state only if it has a callback."""
