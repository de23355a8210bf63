"""Limits as live sliders, and the smallest run that keeps them."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from common.address import kept, remember
from common.columns import in_columns
from common.shared import shared
from common.words import plain
from labkit import runs
from labkit.audit import Limit, limits
from labkit.runs import Library
from labkit.runs.kept_limits import columns_of
from views.compare.selection import pick
from widgets.slider import live_slider, slider_value

MANY = 120  # steps of a slider

LIMITS = "limits"
OFF = "off"  # a limit that is lifted, in the address as on the command line


@st.fragment
def recommendation(table: pd.DataFrame, shelf: Library) -> None:
    """Draw a slider for every limit that measures offer and these runs were measured for, and the run that follows from them."""
    offered, steps = _offered(shelf, tuple(table.index), table)
    loosest = {name: steps[name][0] if limit.lower else steps[name][-1] for name, limit in offered.items()}
    # a slider of other runs ends elsewhere: it is another slider, which begins at what was set, or stays off
    keys = {name: f"limit-{name}-{steps[name][0]:g}-{steps[name][-1]:g}" for name in offered}
    defaults = {name: _start(limit, steps[name]) for name, limit in offered.items()}
    starts = {name: _asked(f"limit-{name}", defaults[name], loosest[name]) for name in offered}
    values = {name: slider_value(keys[name], starts[name], steps[name]) for name in offered}
    for name in offered:
        remember(f"limit-{name}", *(OFF if value == loosest[name] else value for value in (values[name], defaults[name])))
    stated = dict.fromkeys(limits()) | {name: _stated(limit, values[name], steps[name]) for name, limit in offered.items()}
    controls, answer = st.container(), st.container()
    with answer:
        try:
            answered = _answer(shelf, tuple(table.index), tuple(stated.items()), table)
        except ValueError as error:
            st.info(plain(error))
        else:
            _say(answered, table)
    with controls:
        for place, (name, limit) in zip(_cells(len(offered)), offered.items(), strict=True):
            with place:
                title = f"{limit.title} (no limit)" if stated[name] is None else limit.title
                live_slider(title, steps[name], value=starts[name], key=keys[name], unit=limit.unit)


@shared
def _offered(shelf: Library, listed: tuple[str, ...], _table: pd.DataFrame) -> tuple[dict[str, Limit], dict[str, list[float]]]:
    """The limits that the runs were measured for, and the steps of their sliders."""
    offered = {name: limit for name, limit in limits().items() if any(values.notna().any() for values in columns_of(_table, limit))}
    return offered, {name: _steps(_table, limit) for name, limit in offered.items()}


@dataclass(frozen=True)
class _Answer:
    """The run that keeps the limits, and all runs as a table with its column settings."""

    found: runs.Recommendation
    shown: pd.DataFrame
    settings: dict[str, Any]


@shared
def _answer(shelf: Library, listed: tuple[str, ...], stated: tuple[tuple[str, float | None], ...], _table: pd.DataFrame) -> _Answer:
    found = runs.recommend(_table, per_class=shelf.per_class, **dict(stated))
    return _Answer(found, *in_columns(found.considered.assign(run=_table["in_words"]), short=True))


def _say(answer: _Answer, table: pd.DataFrame) -> None:
    found = answer.found
    sentence = found.reason[0].upper() + found.reason[1:]
    (st.success if found.id else st.warning)(plain(sentence), icon=":material/check_circle:" if found.id else ":material/warning:")
    if found.id:
        told, show = st.columns([3, 1], vertical_alignment="center")
        told.caption(f"Run {plain(found.id)}: {plain(table['in_words'][found.id])}.")
        if show.button("Show this run", icon=":material/visibility:", key="show-recommended", width="stretch"):
            pick(found.id, LIMITS)
            st.rerun()
    with st.expander("Why not the others"):
        st.dataframe(
            answer.shown,
            hide_index=True,
            width="stretch",
            column_order=["run", *answer.settings, "broken"],
            column_config={**answer.settings, "broken": "violated limits"},
        )


def _steps(table: pd.DataFrame, limit: Limit) -> list[float]:
    """Steps of the slider as far as the runs reach, by estimate or by the end of an interval; the loosest one lifts the limit."""
    steps = [float(step) for step in limit.slider.grid()]
    width = steps[1] - steps[0]
    ends = [values for bound in ("", limit.bound) for values in columns_of(table, limit, bound)]
    reached = pd.concat(ends).dropna() * limit.scale * (-1 if limit.negate else 1)
    if limit.lower:
        below = math.floor(float(reached.min()) / width)  # one step below any run
        return _thinned([round(width * number, 9) for number in range(round(steps[-1] / width), below - 1, -1)])[::-1]
    start = steps[0] if limit.default is None else float(limit.scale * limit.default)
    above = math.floor(max(float(reached.max()), start) / width) + 1  # one step above any run
    return _thinned(sorted({start, *(round(width * number, 9) for number in range(math.ceil(steps[0] / width), above + 1))}))


def _thinned(steps: list[float]) -> list[float]:
    """Fine steps at the strict end and coarse ones further on, so that a slider can be moved by hand."""
    if len(steps) <= MANY:
        return steps
    half = MANY // 2
    return [*steps[:half], *steps[half : -1 : math.ceil((len(steps) - half) / half)], steps[-1]]


def _asked(name: str, default: float, loosest: float) -> float:
    """The limit that was set before or stands in the address."""
    text, _ = kept().find(name)
    try:
        return default if text is None else loosest if text == OFF else float(text)
    except ValueError:
        return default


def _start(limit: Limit, steps: list[float]) -> float:
    """The limit that holds by default, else none: the loosest step."""
    if limit.default is not None:
        return float(limit.scale * limit.default)
    return steps[0] if limit.lower else steps[-1]


def _stated(limit: Limit, value: float, steps: list[float]) -> float | None:
    """Return the limit in the units of the table; none at the loosest end."""
    loosest = steps[0] if limit.lower else steps[-1]
    return None if value == loosest else value / limit.scale


def _cells(count: int) -> list:
    """Three to a row."""
    return [cell for _ in range(0, count, 3) for cell in st.columns(3)][:count]
