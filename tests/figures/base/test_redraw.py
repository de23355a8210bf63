"""After redraw a figure on the page equals the fresh one, and only differences were sent."""

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from labkit import figures


def widget(figure):
    return go.FigureWidget(figure)


def content(figure):
    """The figure as plain values, without what draws nothing: a widget's names of traces, empty containers."""
    whole = figure.to_dict()
    return [without_empty({k: v for k, v in trace.items() if k != "uid"}) for trace in whole["data"]], without_empty(
        whole["layout"]
    )


def without_empty(tree):
    if not isinstance(tree, dict):
        return tree
    kept = {key: without_empty(value) for key, value in tree.items()}
    return {key: value for key, value in kept.items() if value not in ({}, [])}


@pytest.fixture(params=[go.Figure, widget], ids=["Figure", "FigureWidget"])
def display(request):
    return request.param


def test_same_traces_take_the_new_values(display, make_per_class):
    before = figures.class_change(make_per_class([-0.2, 0.1], [True, False]))
    fresh = figures.class_change(make_per_class([-0.01, 0.4], [False, True]), theme="dark")
    shown = display(before)
    traces = shown.data
    figures.redraw(shown, fresh)
    assert content(shown) == content(fresh)
    assert shown.data[0] is traces[0]


def test_more_classes_and_another_figure(display, make_per_class, per_class):
    shown = display(figures.class_change(per_class))
    for fresh in (
        figures.class_change(make_per_class(np.linspace(-0.5, 0.5, 40), [True] * 40)),
        figures.class_accuracy(per_class),
        figures.class_accuracy(per_class.drop(columns="reference_accuracy")),
        go.Figure(),
        figures.class_change(per_class),
    ):
        expected = content(fresh)
        figures.redraw(shown, fresh)
        assert content(shown) == expected
        assert content(fresh) == expected


def test_what_fresh_lacks_goes_away(display):
    shown = display(go.Figure(go.Scatter(x=[1], y=[2], text=["old"], marker={"size": 3}), {"shapes": [{"type": "line"}]}))
    fresh = go.Figure(go.Scatter(x=[1], y=[3]), {"title": {"text": "new"}})
    figures.redraw(shown, fresh)
    assert content(shown) == content(fresh)


def test_axes_of_several_plots_come_into_an_empty_figure_and_go_again(display):
    fresh = make_subplots(1, 2).add_scatter(y=[1, 2], row=1, col=2).update_xaxes(title_text="second", row=1, col=2)
    shown = display(go.Figure())
    for figure in (fresh, go.Figure(go.Scatter(y=[1])), fresh):
        figures.redraw(shown, figure)
        assert content(shown) == content(figure)


def test_no_message_holds_a_container_and_what_is_in_one(monkeypatch):
    """The page refuses ``marker`` of one trace beside ``marker.color`` of another."""
    shown = widget(go.Figure([go.Bar(y=[1], marker={"color": "red"}), go.Bar(y=[2]), go.Bar(y=[3], marker={"color": "red"})]))
    fresh = go.Figure([go.Bar(y=[1], marker={"color": "blue"}), go.Bar(y=[2], marker={"color": "blue"}), go.Bar(y=[3])])
    sent = []
    monkeypatch.setattr(shown, "_send_update_msg", lambda restyle_data, **others: sent.append(dict(restyle_data)))
    figures.redraw(shown, fresh)
    assert [list(message) for message in sent] == [["marker.color"]]
    assert content(shown) == content(fresh)


def test_only_differences_are_sent_in_one_message(make_per_class, monkeypatch):
    table = make_per_class([-0.2, 0.1], [True, False])
    moved = make_per_class([-0.19, 0.1], [True, False])
    shown = widget(figures.class_change(table))
    sent = []
    monkeypatch.setattr(shown, "_send_update_msg", lambda *given, **named: sent.append((given, named)))
    monkeypatch.setattr(shown, "_send_restyle_msg", lambda *given, **named: sent.append((given, named)))
    monkeypatch.setattr(shown, "_send_relayout_msg", lambda *given, **named: sent.append((given, named)))
    figures.redraw(shown, figures.class_change(table))
    assert not sent
    figures.redraw(shown, figures.class_change(moved))
    assert len(sent) == 1
    assert "template" not in str(sent)
    assert "marker" not in str(sent)
