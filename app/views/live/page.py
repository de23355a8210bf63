"""Live: the cost of compression while a slider is dragged."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from common.address import choose
from common.networks import FIRST
from common.shell import mistakes, options, steady
from common.take_away import TAKE_AWAY
from labkit import data, live, models
from labkit.compress import METHODS, Choice, Method
from views.live.explained import explained
from views.live.own_model import OWN, own_model
from views.live.panel import live_panel
from widgets.pulse import heartbeat

SHOWN = [name for name, method in METHODS.items() if method.live and method.needs != "training"]
MOST_CHOICES = max(sum(isinstance(param, Choice) for param in METHODS[name].params.values()) for name in SHOWN)

st.title("Live")
st.write("Drag the slider: what the network saves at every step, and what that costs.")


@st.cache_resource(max_entries=8, show_spinner="Reading the data …")
def open_session(name: str) -> live.Session:
    """Open a reference model with its data, shared by all visitors."""
    dataset = data.load(models.cards()[name].data)  # the recipe knows it too, but importing that takes a second
    return live.session(name, dataset.test, dataset)


@st.cache_resource(max_entries=8, show_spinner=False)
def opening(name: str) -> tuple[str, dict[str, str]]:
    """Return the method and options that are shown of a reference model before anything is chosen."""
    return live.opening(open_session(name), SHOWN) or (SHOWN[0], {})


def choose_options(method: Method, places: list[DeltaGenerator], start: dict[str, str]) -> dict[str, str]:
    """Draw a select box for every categorical parameter; numbers become sliders in the panel."""
    choices = {name: param for name, param in method.params.items() if isinstance(param, Choice)}
    return {
        name: choose(
            place,
            name,
            param.options,
            name=name,
            start=start.get(name, param.default),
            key=f"live-{method.name}-{name}",
            accept_new_options=param.free,
            format_func=param.title,
            help=param.help or None,
        )
        for place, (name, param) in zip(places, choices.items(), strict=False)
    }


first, second, *rest = st.columns(2 + MOST_CHOICES)
own = [OWN] if options().own or not options().public else []
network = choose(first, "network", [*models.cards(), *own], name="model", start=OWN if options().own else FIRST)
with mistakes():
    best, words = opening(network) if network in models.cards() else (SHOWN[0], {})
method = METHODS[choose(second, "method", SHOWN, name="method", start=best, format_func=lambda name: METHODS[name].title)]
choices = choose_options(method, rest, words if method.name == best else {})
explained(method)
with mistakes():
    session = own_model() if network == OWN else open_session(network)
    if session is None:
        st.info("Name your network and its data above, then press Open.")
        st.stop()
    with steady():
        live_panel(session, method, choices, network)
    with steady():
        heartbeat("answers", "steps", "keep", TAKE_AWAY)
