"""Names of classes, groups and runs that look like mark-up."""

import html
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import figures
from labkit.figures.base.names import INVISIBLE, shows_names
from tests.figures.conftest import audit_table

LINK = '<a href="http://outside.test">free</a>'
HELPERS = {"COLOURS", "Theme", "in_order", "pareto_front", "redraw", "rule_title", "template"}


def texts(part):
    """Every text of a figure as JSON, but not those that a page reads."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key != "customdata":
                yield from texts(value)
    elif isinstance(part, (list, tuple, np.ndarray)):
        for value in part:
            yield from texts(value)
    elif isinstance(part, str):
        yield part


def as_drawn(text):
    """What Plotly makes of a text: tags that it knows are gone, entities are decoded, templates are filled."""
    text = re.sub(r"%\{[^}]*\}", "", text)
    text = re.sub(r"</?(a|b|br|i|em|s|u|span|sub|sup|strong)(\s[^>]*)?>", "", text, flags=re.IGNORECASE)
    return html.unescape(text).replace(INVISIBLE, "")


def test_every_figure_shows_names_as_they_are():
    drawn = {name for name in figures.__all__ if callable(getattr(figures, name))} - HELPERS
    assert len(drawn) > 30
    assert [name for name in drawn if not hasattr(getattr(figures, name), "__wrapped__")] == []


@pytest.mark.parametrize("name", ["class_accuracy", "class_change"])
@pytest.mark.parametrize("label", [LINK, "<b>x", "&lt;i&gt;", "%{y} & co", "a<br>b"])
def test_names_of_classes_are_no_markup(name, label):
    table = audit_table([-0.1, 0.02], [True, False])
    table.index = pd.Index([label, "other"], name="class")
    found = list(texts(getattr(figures, name)(table).to_plotly_json()))
    assert any(label in as_drawn(text) for text in found)
    assert not any(re.search(r"<a\s", text) for text in found)


def test_what_was_clicked_keeps_its_name():
    table = pd.DataFrame({"value": [1.0], "low": [0.5], "high": [1.5]}, index=[LINK])
    chart = figures.intervals(table, labels={LINK: "%{x}<b>"})
    assert any(
        LINK in list(np.ravel(np.asarray(trace.customdata, dtype=object))) for trace in chart.data if trace.customdata is not None
    )


def test_a_figure_within_a_figure_keeps_its_own_markup():
    @shows_names
    def inner(label):
        return go.Figure(layout={"title": {"text": label}})

    @shows_names
    def outer(label):
        return inner(f"<b>{label}</b>")

    assert as_drawn(outer("<i>").layout.title.text) == "<i>"
    assert outer("x").layout.title.text == "<b>x</b>"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("<>&%{}/ab ;t", min_size=1, max_size=12), min_size=1, max_size=4, unique=True))
def test_tables_lose_nothing(names):
    """Values, index and columns read as before; the table that was given is not changed."""
    table = pd.DataFrame({name: [names, names[0], 1.5] for name in names}, index=[*range(2), names[-1]]).assign(number=[1, 2, 3])
    before = table.copy()
    shown = {}
    shows_names(lambda table: shown.update(table=table) or go.Figure())(table)
    pd.testing.assert_frame_equal(table, before)
    plain = shown["table"]
    assert [name.replace(INVISIBLE, "") for name in plain.columns] == list(before.columns)
    assert str(plain.index[-1]).replace(INVISIBLE, "") == names[-1]
    assert [value.replace(INVISIBLE, "") for value in plain.iloc[1, :-1]] == [names[0]] * len(names)
    assert list(plain["number"]) == [1, 2, 3]


def test_tables_without_marks_are_not_copied():
    table = pd.DataFrame({"a": ["x", "y"], "b": pd.Categorical(["u", "v"])})
    shown = []
    shows_names(lambda table: shown.append(table) or go.Figure())(table)
    assert shown[0] is table
