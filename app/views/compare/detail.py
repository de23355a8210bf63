"""The clicked run, in the place where it was clicked."""

import pandas as pd
import streamlit as st

from common.address import choose
from common.examples import SHOWN, example_strip, split_of
from common.groups import draw_groups, groups_of
from common.shell import figure, say, theme
from common.take_away import take_away
from common.verdict import verdict_line
from common.words import plain
from labkit import figures, models
from labkit.audit import Audit, flips
from labkit.compress import METHODS
from labkit.data import Split
from labkit.runs import Library, Run, Store
from views.compare.selection import TABLE, Picked, pick
from views.compare.side_by_side import side_by_side

WORST = 6  # classes that are drawn
NOBODY = ""


def detail(shelf: Library, table: pd.DataFrame, found: Picked | None, place: str) -> None:
    """Draw the clicked run if it was clicked in `place`."""
    if found is None or found.place != place:
        return
    with st.container(border=True, key="picked-run"):
        title, close = st.columns([5, 1], vertical_alignment="center")
        title.markdown(f"### {plain(table['in_words'][found.run])}")
        close.button("Close", icon=":material/close:", on_click=pick, args=(None, TABLE), width="stretch")
        try:
            audit = shelf.audit(found.run)
        except (ValueError, OSError) as error:
            say(error)
            return
        store = next(store for store in shelf.stores if found.run in store)
        run = store.run(found.run)
        verdict_line(run.summary)
        _before_and_after(audit, run, found.label)
        _ways(run, store)
        others = [NOBODY, *(other for other in table.index if other != found.run)]
        other = choose(
            st.columns(2)[0],
            "compare with",
            others,
            name="with",
            format_func=lambda name: table["in_words"].get(name, "the uncompressed network"),
        )
        if other != NOBODY:
            side_by_side(shelf, run, other, table["in_words"].to_dict())


def _before_and_after(audit: Audit, run: Run, label: str) -> None:
    if not audit.has_reference or audit.confusion is None:
        st.caption("This run was audited without a reference model, or has several labels per example: no class can be compared.")
        return
    split = split_of(run)
    left, right = st.columns(2)
    with left:
        worst = audit.per_class.nsmallest(WORST, "change") if len(audit.per_class) > WORST else audit.per_class
        st.markdown(f"#### The {WORST} classes that lose most" if len(worst) < len(audit.per_class) else "#### Classes")
        figure(
            figures.class_accuracy(worst, theme=theme()),
            "hollow is before, filled after compression, with its 95 % interval.",
            alt="Accuracy by class before and after",
        )
    with right:
        changes = groups_of(audit, split)
        if changes is not None:
            st.markdown("#### Groups")
            draw_groups(changes)
        _lost(audit, split, label)


def _lost(audit: Audit, split: Split | None, label: str) -> None:
    lost = flips(audit, "lost")
    known = label in audit.per_class.index
    lost = lost[lost["label"] == label] if known else lost
    st.markdown(f"#### Examples {f'of {plain(label)} ' if known else ''}that were lost")
    if lost.empty:
        st.caption("None: it is right wherever the uncompressed network is.")
        return
    example_strip(split, lost, {"after": "now"})
    st.caption(
        f"How to read this: the {min(SHOWN, len(lost))} most confident of {len(lost):,} examples that only the uncompressed "
        "network gets right; the class in bold, below it what is predicted now."
    )


def _ways(run: Run, store: Store) -> None:
    """Draw what can be done with the run: other pages, and the model itself."""
    cells = st.columns([1, 1, 2], vertical_alignment="center")
    query = {"model": run.model, "run": run.id}
    with cells[0]:
        st.page_link("views/per_class/page.py", label="Per class", icon=":material/bar_chart:", query_params=query)
    if run.model in models.cards() and run.method in METHODS and METHODS[run.method].live:
        settings = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in run.parameters.items()}
        query = {"model": run.model, "method": run.method, **settings}
        with cells[1]:
            st.page_link("views/live/page.py", label="Live", icon=":material/tune:", query_params=query)
    with cells[2]:
        take_away(run, store)
