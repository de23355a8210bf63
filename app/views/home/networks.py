"""The shelf: one card for every network."""

import math

import streamlit as st

from common.shared import shared
from common.shell import library, options
from common.words import plain
from labkit import runs
from labkit.audit import limits
from labkit.runs import NetworkOverview
from views.live.own_model import OWN

ACROSS = 3  # cards in a row


def networks() -> None:
    """Draw a card for every network, and one for a network of the reader's own."""
    st.header("Networks")
    st.caption(
        f"A version is called harmless when it keeps the limits that Compare starts with: {_limits()}. "
        "Your own runs are counted too; other limits can be set there."
    )
    entries = _overview(library())
    cells = [cell for _ in range(0, len(entries) + 1, ACROSS) for cell in st.columns(ACROSS)]
    for cell, entry in zip(cells, entries, strict=False):
        with cell.container(border=True, height="stretch"):
            _card(entry)
    if options().own or not options().public:
        with cells[len(entries)].container(border=True, height="stretch"):
            _your_own()


@shared
def _overview(shelf: runs.Library) -> list[NetworkOverview]:
    return runs.overview(shelf)


def _limits() -> str:
    """The limits that hold unless others are stated, in words."""
    return ", ".join(limit.sentence(limit.default) for limit in limits().values() if limit.default is not None)


def _card(entry: NetworkOverview) -> None:
    st.subheader(plain(entry.name))
    st.caption(f"{plain(entry.architecture or 'A network of your own')}, on {plain(entry.data)}")
    accurate = "" if math.isnan(entry.accuracy) else f"**{100 * entry.accuracy:.2f}\u00a0%** accuracy"
    st.markdown("  \n".join(filter(None, (accurate, _count(entry), _harmless(entry)))))
    with st.container(horizontal=True, gap="small"):
        if entry.runs:
            st.page_link("views/compare/page.py", label="Compare", icon=":material/balance:", query_params={"model": entry.name})
        if entry.architecture:
            st.page_link("views/live/page.py", label="Live", icon=":material/tune:", query_params={"model": entry.name})
        if entry.harmless is not None:
            chosen = {"model": entry.name, "run": entry.harmless.name}
            st.page_link("views/per_class/page.py", label="Class by class", icon=":material/bar_chart:", query_params=chosen)


def _count(entry: NetworkOverview) -> str:
    if not entry.runs:
        return "No runs yet"
    return f"**{entry.runs}** run" + ("s" if entry.runs > 1 else "")


def _harmless(entry: NetworkOverview) -> str:
    if entry.harmless is not None:
        share = f"{100 * entry.harmless['bytes_ratio']:.0f}\u00a0%"
        return f"Smallest harmless version: {plain(entry.harmless['in_words'])}, **{share}** of the bytes"
    return "" if entry.answer is None else "No version is harmless: keep the uncompressed network"


def _your_own() -> None:
    st.subheader("Your own")
    st.markdown("A network and data of your own: a timm model or a file of weights, with a folder of pictures or a CSV file.")
    st.page_link("views/live/page.py", label="Open your own", icon=":material/folder_open:", query_params={"model": OWN})
