"""Two runs beside each other: which classes, groups and examples differ."""

import pandas as pd
import streamlit as st

from common.examples import SHOWN, example_strip, split_of
from common.groups import draw_groups
from common.shell import figure, say, theme
from common.words import plain
from labkit import figures, runs
from labkit.audit import Audit, columns
from labkit.audit.verdicts import with_verdicts
from labkit.data import Split
from labkit.runs import Comparison, Library, Run

LEAST = 0.0001  # p-values below are not written out


def side_by_side(shelf: Library, run: Run, other: str, labels: dict[str, str]) -> None:
    """Draw what changes from `run` to the run `other`."""
    one, two = labels[run.id], labels[other]
    if one == two:  # e.g. of two seeds
        one, two = f"{one} (run {run.id})", f"{two} (run {other})"
    try:
        first, second = shelf.audit(run.id), shelf.audit(other)
        split = split_of(run)
        found = runs.compare(first, second, groups=None if split is None else split.groups)
    except (ValueError, OSError) as error:
        say(error)
        return
    st.markdown(f"### From {plain(one)} to {plain(two)}")
    st.markdown(plain(_sentence(found, one, two)))
    left, right = st.columns(2)
    with left:
        st.markdown("#### Classes")
        figure(
            figures.class_change(_classes(found, first, second), theme=theme()),
            f"left of the line a class is worse in {two}, right of it better; whiskers are 95 % intervals.",
            alt=f"Change of accuracy by class from {one} to {two}",
        )
    with right:
        if found.groups is not None:
            st.markdown("#### Groups")
            draw_groups(found.groups, before=one, after=two)
        st.markdown("#### Figures")
        _figures(found, one, two)
    _examples(first, second, split, (one, two))


def _sentence(found: Comparison, one: str, two: str) -> str:
    told = found.accuracy
    sure = "a significant difference" if told["p"] < 0.05 else "within chance"
    p = f"p = {told['p']:.2g}" if told["p"] >= LEAST else f"p < {LEAST:g}"
    change = f"{100 * told['change']:+.2f}".replace("-", "−")
    return (
        f"Accuracy changes by {change} pp ({sure}, {p}): {told['only_a']:,.0f} examples are right in {one} only, "
        f"{told['only_b']:,.0f} in {two} only; {100 * told['agreement']:.1f} % of the predictions agree."
    )


def _classes(found: Comparison, first: Audit, second: Audit) -> pd.DataFrame:
    """The class table of a comparison in the columns of an audit's."""
    table = found.per_class.rename(columns={"low": "change_low", "high": "change_high"})
    table = table.assign(accuracy=second.per_class["accuracy"], reference_accuracy=first.per_class["accuracy"])
    return with_verdicts(table)


def _figures(found: Comparison, one: str, two: str) -> None:
    """Draw the figures that both have, in the units of their measures."""
    both = found.summary[["a", "b"]].T
    rows = {column.title: [column.style.text(value) for value in both[column.figure]] for column in columns(both)}
    st.dataframe(pd.DataFrame(rows, index=[one, two]).T, width="stretch", height=300, alt=f"Figures of {one} and of {two}")


def _examples(first: Audit, second: Audit, split: Split | None, titles: tuple[str, str]) -> None:
    different = runs.differences(first, second)
    for place, right, name, wrong in zip(st.columns(2), ("a", "b"), titles, ("b", "a"), strict=True):
        rows = different[different["right"] == right]
        with place:
            st.markdown(f"#### Right in {plain(name)} only")
            if rows.empty:
                st.caption("No example.")
                continue
            example_strip(split, rows.drop(columns=["right", right]), {wrong: "→"})
            st.caption(
                f"How to read this: {min(SHOWN, len(rows))} of {len(rows):,} examples; the class in bold, below it what the other "
                "run predicts, the most confident mistakes first."
            )
