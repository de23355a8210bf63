"""Selection of a network that has runs, on Compare and Per class."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from common.address import choose
from common.shared import shared
from common.shell import library, mistakes
from common.words import code, plain
from labkit.runs import Library, Store, left_out

FIRST = "vit_fashion"


def network_with_runs(place: DeltaGenerator) -> tuple[Library, str, pd.DataFrame]:
    """Draw the select box; return all runs, the network's name, and the table of its runs."""
    with mistakes():
        shelf = library()
        everything = shelf.table()
    names = sorted(set(everything["model"]))
    if not names:
        st.info("There are no runs yet. Make some with `labkit sweep --gallery`, then reload this page.")
        st.stop()
    name_damaged(shelf)
    own = everything["model"][everything.index.isin(shelf.stores[0].ids())]
    network = choose(place, "network", names, name="model", start=FIRST if own.empty else own.iloc[-1])
    st.caption(_of_whom(shelf.stores[0], len(own)))
    return shelf, network, shelf.table(network)


def name_damaged(shelf: Library) -> None:
    """Say which runs are left out, and why."""
    if shelf.damaged:
        st.warning(f"{plain(left_out(shelf.damaged))}.")


def from_largest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs by series, the largest first; runs that were audited without costs stay in their order."""
    keys = {name: up for name, up in (("series", True), ("bytes", False)) if name in table}
    return table.sort_values(list(keys), ascending=list(keys.values()), kind="stable")


@shared
def with_reference(shelf: Library, network: str, runs: tuple[str, ...], _table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs below the uncompressed network, with the column reference that says which row is the latter."""
    return pd.concat([shelf.reference(network), _table]).assign(reference=lambda frame: frame.index == network)


def _of_whom(store: Store, number: int) -> str:
    """Say whose runs the page reads."""
    of = "no run of your own yet" if not number else f"{number} run{'' if number == 1 else 's'} of your own"
    return f"Store {code(store.folder)}: {of}; the runs that ship with labkit are shown too."
