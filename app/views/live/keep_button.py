"""Keep what the sliders show as a run, and where to go with it."""

from typing import Any

import streamlit as st

from common.long_work import long_work
from common.shell import library, options
from common.take_away import take_away
from common.words import code, plain
from labkit import live, runs
from labkit.compress import Method, described

SAID = "Stores this setting as a run: the network, its audit, and where both came from."


def keep_button(session: live.Session, method: Method, settings: dict[str, Any]) -> None:
    """Offer to store these settings as a run; show how far that is, and the run when it is stored."""
    store, label = runs.Store(options().store), described(method.name, settings)
    asked = ("keep", str(store.folder), session.known(), method.name, method.version, method.apply, tuple(sorted(settings.items())))
    found = long_work(
        "keep",
        asked,
        lambda cancel: live.keeping(session, method, settings, store, cancel),
        label="Keep this",
        said=SAID,
        words=lambda done, _: f"Keeping {label}: {done:.0%}",
        progress=lambda answer: (answer.share, 1.0),
        type="primary",
    )
    if found is not None and found.run is not None and found.run.id in store:
        _kept(found.run, label, store)


def _kept(run: runs.Run, label: str, store: runs.Store) -> None:
    """Say where the run is, and lead there."""
    network = library().table()["model"].get(run.id, run.model)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Kept as run {code(run.id)}", help=plain(f"{label}; in {store.folder}"), width="content")
        st.page_link("views/per_class/page.py", label="Per class", query_params={"model": network, "run": run.id})
        st.page_link("views/compare/page.py", label="Compare", query_params={"model": network})
    take_away(run, store, in_fragment=True)
