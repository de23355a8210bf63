"""Figures that visitors share."""

import threading

import pytest

from labkit import figures
from tests.app.conftest import MAIN
from tests.figures.conftest import audit_table


@pytest.fixture
def chart(monkeypatch):
    monkeypatch.syspath_prepend(str(MAIN.parent))
    from common import charts, once

    once._known.clear()
    return charts.chart


def test_a_figure_of_the_same_contents_is_drawn_once(chart):
    table = audit_table([-0.1, 0.02], [True, False])
    first = chart(figures.class_change, table, theme="light")
    assert chart(figures.class_change, table.copy(), theme="light") is first
    assert first.to_json() == figures.class_change(table, theme="light").to_json()
    assert chart(figures.class_change, table, theme="dark") is not first
    changed = table.assign(change=table["change"] + 1e-9)
    assert chart(figures.class_change, changed, theme="light") is not first
    assert chart(figures.class_accuracy, table, theme="light") is not first


def test_it_is_finished_before_another_visitor_gets_it(chart):
    table = audit_table([-0.1, 0.02], [True, False])
    seen = []

    def finish(figure):
        figure.update_layout(dragmode=False)

    def visit():
        seen.append(chart(figures.class_change, table, finish=finish).layout.dragmode)

    threads = [threading.Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 6
    assert chart(figures.class_change, table).layout.dragmode is None


def test_what_is_sent_is_made_once_and_is_the_figure(chart):
    table = audit_table([-0.1, 0.02], [True, False])
    shared, plain = chart(figures.class_change, table), figures.class_change(table)
    assert shared.to_dict() is shared.to_dict()
    assert shared.to_plotly_json().keys() == plain.to_plotly_json().keys()
    assert shared.to_json() == plain.to_json()


def test_arguments_that_cannot_be_compared_are_drawn_anew(chart):
    draws = []

    def draw(values):
        draws.append(list(values))
        return figures.class_change(audit_table([-0.1], [True]))

    chart(draw, iter([1]))
    chart(draw, (value for value in [1]))
    assert len(draws) == 2
    with pytest.raises(ValueError, match="class_change needs"):
        chart(figures.class_change, audit_table([-0.1], [True]).drop(columns="change"))


def test_old_figures_are_forgotten(chart):
    from common import once

    for number in range(once.KEPT + 5):
        chart(figures.class_change, audit_table([-0.1 - number / 1000], [True]))
    assert len(once._known) == once.KEPT
