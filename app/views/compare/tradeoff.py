"""Accuracy against what a run costs."""

import pandas as pd
import streamlit as st

from common.address import choose
from common.charts import chart
from common.columns import unit_of
from common.shared import shared
from common.shell import theme
from labkit import figures
from labkit.audit import MEASURES, Column, columns
from labkit.runs import Library, timing_notes
from views.compare.selection import Picked, clickable, for_clicks

TRADEOFFS = "tradeoffs"

NEAR = 0.1  # accuracy within which runs are worth comparing closely


def tradeoffs(shelf: Library, beside: pd.DataFrame, found: Picked | None) -> None:
    """Draw two figures beside each other, each over a cost of the reader's choice."""
    if "accuracy" not in beside:  # of a task without accuracy
        return
    beside = beside.assign(label=beside["in_words"])  # the legend keeps the short names, for which there is little room
    near = beside[beside["accuracy"] >= beside["accuracy"].max() - NEAR]
    if 1 < len(near) < len(beside):
        hide = st.toggle(f"Only runs within {100 * NEAR:.0f} pp of the best", value=True, help="Other runs would stretch the axis")
        beside = near if hide else beside
    costs = _costs(shelf, tuple(beside.index), beside)
    for number, place in enumerate(st.columns(2) if len(costs) > 1 else [st.container()], 1):
        if costs:
            with place:
                _tradeoff(shelf, beside, costs, number, found)


@shared
def _costs(shelf: Library, runs: tuple[str, ...], _table: pd.DataFrame) -> dict[str, Column]:
    """Cost measures that the runs hold, by title; those with a limit first. Times are ratios to the uncompressed network."""
    ordered = sorted(MEASURES.values(), key=lambda measure: measure.limit is None)
    own = [measure.key for measure in ordered if "cost" in measure.needs]
    there = {column.figure: column for column in columns(_table)}
    return {there[key].title: there[key] for key in own if key in there and _table[key].notna().any()}


def _tradeoff(shelf: Library, beside: pd.DataFrame, costs: dict[str, Column], number: int, found: Picked | None) -> None:
    titles = list(costs)
    title = choose(
        st.container(), "cost", titles, name=f"cost{number}", start=titles[min(number, len(titles)) - 1], key=f"cost-{number}"
    )
    column, better = costs[title], MEASURES[costs[title].figure].better
    drawn = chart(
        figures.pareto,
        _with_ends(shelf, beside, column) if column.interval else beside,
        x=column.figure,
        x_label=f"{title} relative to uncompressed" if column.interval else title,
        x_unit=unit_of(column),
        scale=1 / column.style.scale,
        better=better,
        intervals=column.interval,
        front_label=f"best for its {title}",
        selected=None if found is None else found.run,
        theme=theme(),
        finish=for_clicks,
    )
    clickable(
        drawn,
        _reading(beside, column, better),
        alt=f"Accuracy against {title} of every run",
        place=TRADEOFFS,
        key=f"tradeoff-{number}",
    )


def _with_ends(shelf: Library, beside: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Add the ends of the interval where no run has them, and what was measured, where and when, for the hover text."""
    ends = {end: beside.get(end, float("nan")) for end in (f"{column.figure}_low", f"{column.figure}_high")}
    notes = _notes(shelf, tuple(beside.index[~beside["reference"]]))
    return beside.assign(**ends, detail=[notes.get(run, "") for run in beside.index])


@shared
def _notes(shelf: Library, runs: tuple[str, ...]) -> dict[str, str]:
    return timing_notes(shelf, runs)


def _reading(beside: pd.DataFrame, column: Column, better: str) -> str:
    side = "left is cheaper" if better == "lower" else "right is faster"
    if not column.interval:
        said = f"up is more accurate, {side}; no run beats a point on the line in both. Whiskers are 95 % intervals."
        return f"{said} {column.help}.".replace("..", ".")
    said = f"up is more accurate, {side}. Whiskers are 95 % intervals; a run is on the line only where they show that it is faster."
    there = beside[beside[column.figure].notna()]
    unknown = there.get(f"{column.figure}_low", pd.Series(float("nan"), there.index)).isna()
    open_marks = " Open marks were stored without an interval: it cannot be told." if unknown.any() else ""
    return f"{said} {column.help}.{open_marks}"
