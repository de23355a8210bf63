"""Accuracy against what a run costs."""

import pandas as pd
import streamlit as st

from common.address import choose
from common.columns import unit_of
from common.shell import theme
from labkit import figures
from labkit.audit import MEASURES, Column, columns
from views.compare.selection import Picked, clickable

TRADEOFFS = "tradeoffs"

NEAR = 0.1  # accuracy within which runs are worth comparing closely


def tradeoffs(beside: pd.DataFrame, found: Picked | None) -> None:
    """Draw two figures beside each other, each over a cost of the reader's choice."""
    if "accuracy" not in beside:  # of a task without accuracy
        return
    near = beside[beside["accuracy"] >= beside["accuracy"].max() - NEAR]
    if 1 < len(near) < len(beside):
        hide = st.toggle(f"Only runs within {100 * NEAR:.0f} pp of the best", value=True, help="Other runs would stretch the axis")
        beside = near if hide else beside
    costs = _costs(beside)
    for number, place in enumerate(st.columns(2) if len(costs) > 1 else [st.container()], 1):
        if costs:
            with place:
                _tradeoff(beside, costs, number, found)


def _costs(table: pd.DataFrame) -> dict[str, Column]:
    """Cost measures that the runs hold, by title; those with a limit first."""
    ordered = sorted(MEASURES.values(), key=lambda measure: measure.limit is None)
    own = [measure.key for measure in ordered if "cost" in measure.needs and measure.better == "lower"]
    there = {column.figure: column for column in columns(table)}
    return {there[key].title: there[key] for key in own if key in there and table[key].notna().any()}


def _tradeoff(beside: pd.DataFrame, costs: dict[str, Column], number: int, found: Picked | None) -> None:
    titles = list(costs)
    title = choose(
        st.container(), "cost", titles, name=f"cost{number}", start=titles[min(number, len(titles)) - 1], key=f"cost-{number}"
    )
    column = costs[title]
    chart = figures.pareto(
        beside,
        x=column.figure,
        x_label=title,
        x_unit=unit_of(column),
        scale=1 / column.style.scale,
        front_label=f"best for its {title}",
        selected=None if found is None else found.run,
        theme=theme(),
    )
    reading = "up is more accurate, left is cheaper; no run beats a point on the line in both. Whiskers are 95 % intervals."
    clickable(
        chart,
        f"{reading} {column.help}.".replace("..", "."),
        alt=f"Accuracy against {title} of every run",
        place=TRADEOFFS,
        key=f"tradeoff-{number}",
    )
