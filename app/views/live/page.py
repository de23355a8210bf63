"""Live: drag a slider, and see at once what compression costs."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from common.address import choose
from common.networks import FIRST
from common.shell import mistakes, steady
from labkit import data, live, models
from labkit.compress import METHODS, Choice, Method
from views.live.own_model import OWN, own_model
from views.live.panel import live_panel
from widgets.pulse import heartbeat

WAYS = [name for name, way in METHODS.items() if way.live and way.needs != "training"]
MOST_WORDS = max(sum(isinstance(param, Choice) for param in METHODS[name].params.values()) for name in WAYS)

st.title("Live")
st.write("Drag the slider: the network is compressed again and audited on the whole test part while you drag.")


@st.cache_resource(max_entries=8, show_spinner="Reading the data …")
def open_session(name: str) -> live.Session:
    """A reference model with its own test part, shared by everybody who looks at it."""
    dataset = data.load(models.cards()[name].data)  # the recipe knows it too, but importing that takes a second
    return live.session(name, dataset.test, dataset)


def choose_words(way: Method, places: list[DeltaGenerator]) -> dict[str, str]:
    """The words of a method, each as a box; its numbers become sliders in the panel."""
    words = {name: param for name, param in way.params.items() if isinstance(param, Choice)}
    return {
        name: choose(
            place,
            name,
            param.options,
            name=name,
            start=param.start or param.default,
            key=f"live-{way.name}-{name}",
            accept_new_options=param.free,
            help=param.help or None,
        )
        for place, (name, param) in zip(places, words.items(), strict=False)
    }


first, second, *rest = st.columns(2 + MOST_WORDS)
network = choose(first, "network", [*models.cards(), OWN], name="model", start=FIRST)
method = METHODS[choose(second, "method", WAYS, name="method", start="condense")]
words = choose_words(method, rest)
with mistakes():
    place = own_model() if network == OWN else open_session(network)
    if place is None:
        st.info("Name your network and its data above, then press Open.")
        st.stop()
    with steady():
        live_panel(place, method, words)
    with steady():
        heartbeat("answers", "steps")
st.caption(f"{method.title}: {method.paper}")
