"""A heartbeat: while something is computed, ask Python for news a few times a second, without holding up the slider."""

import streamlit as st

_component = st.components.v2.component(
    "labkit_pulse",
    js="""
export default function ({ parentElement, data, setStateValue }) {
  clearTimeout(parentElement.pulse);
  if (data.busy) parentElement.pulse = setTimeout(() => setStateValue("beat", data.beat + 1), data.every);
  return () => clearTimeout(parentElement.pulse);
}
""",
)


def pulse(busy: bool, *, key: str, every: int = 80) -> None:
    """Rerun the fragment this stands in `every` milliseconds after it was drawn, as long as it is drawn with `busy`."""
    state = st.session_state.get(key)
    beat = 0 if state is None else state.get("beat", 0)
    _component(data={"busy": busy, "beat": beat, "every": every}, default={"beat": 0}, on_beat_change=_nothing, key=key)


def _nothing() -> None:
    """Streamlit reruns for a state only if it has a callback."""
