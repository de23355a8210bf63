"""What a method does, where it comes from, and what its settings and the figures mean."""

import streamlit as st

from common.words import plain
from labkit.audit import MEASURES
from labkit.compress import Choice, Method
from labkit.registry import Optional, Param


def explained(method: Method) -> None:
    """Draw one line about a method and, a tap away, its settings and the figures on the cards."""
    left, right = st.columns([5, 1], vertical_alignment="center")
    said = f"{method.title}: {method.help}" if method.help else f"{method.title}."
    left.caption(" ".join(filter(None, (plain(said), method.paper and f"Paper: {plain(method.paper)}."))))
    with right.popover("What is this?", width="stretch"):
        st.markdown("**Settings**")
        st.markdown("\n".join(f"- **{plain(name)}**: {plain(_setting(param))}" for name, param in method.params.items()))
        if method.speed:
            st.markdown(f"**Speed**: {plain(method.speed)}.")
        st.markdown("**Figures**")
        shown = [measure for measure in MEASURES.values() if measure.headline]
        st.markdown("\n".join(f"- **{plain(measure.title)}**: {plain(measure.help)}" for measure in shown))


def _setting(param: object) -> str:
    """What a parameter sets, and what it may be."""
    param = param.inner if isinstance(param, Optional) else param
    if isinstance(param, Choice):
        options = "; ".join(f"{option}: {param.title(option)}" if option in param.titles else option for option in param.options)
        return f"{param.help} ({options})"
    return f"{param.help} ({param.domain})" if isinstance(param, Param) else str(getattr(param, "help", ""))
