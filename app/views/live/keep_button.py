"""Keep what the sliders show as a run, and where to go with it."""

from typing import Any

import streamlit as st

from common.long_work import resumed, start
from common.shell import MISTAKES, library, options, say
from labkit import live, runs
from labkit.compress import Method, described
from widgets.pulse import bell


def keep_button(session: live.Session, method: Method, settings: dict[str, Any]) -> None:
    """Offer to store these settings as a run; show how far that is, and the run when it is stored."""
    store = runs.Store(options().store)
    question = (
        "keep",
        str(store.folder),
        session.known(),
        method.name,
        method.version,
        method.apply,
        tuple(sorted(settings.items())),
    )
    keeper, found = resumed("keep", question), None
    try:
        found = keeper.newest()
    except MISTAKES as error:
        say(error)
    words = described(method.name, settings)
    label = words if keeper.question == question else st.session_state.get("keeping", words)
    left, right = st.columns([1, 3], vertical_alignment="center")
    if not keeper.finished:
        left.button("Stop", key="keep-stop", width="stretch", on_click=keeper.cancel)
        share, doing = (found.share, found.doing) if found else (0.0, "waiting for its turn")
        right.progress(share, text=f"{label}: {doing}")
        bell("keep")
        return

    def ask() -> None:
        st.session_state["keeping"] = words
        start("keep", question, lambda cancel: live.keeping(session, method, settings, store, cancel))

    left.button("Keep this", key="keep-start", type="primary", width="stretch", on_click=ask)
    if found is not None and found.run is not None and keeper.question == question:
        with right:
            _kept(found.run, label, store)
    else:
        right.caption("Stores this setting as a run: the network, its audit, and where both came from.")
    bell("keep")


def _kept(run: runs.Run, label: str, store: runs.Store) -> None:
    """Say where the run is, and lead there."""
    network = library().table()["model"].get(run.id, run.model)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Kept as run `{run.id}`", help=f"{label}; in {store.folder}")
        st.page_link("views/per_class/page.py", label="Per class", query_params={"model": network, "run": run.id})
        st.page_link("views/compare/page.py", label="Compare", query_params={"model": network})
        if take_away is not None:
            take_away(run, store)


try:
    from common.take_away import take_away
except ImportError:
    take_away = None
