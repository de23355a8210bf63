"""class_change and class_accuracy draw the table's fractions times 100, with the same traces whatever the table says."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures


def drawn(trace):
    return np.asarray(trace.x, dtype=float)


def test_every_class_is_a_bar_of_exactly_one_trace(per_class):
    quiet, worse, better = figures.class_change(per_class).data
    np.testing.assert_allclose(drawn(quiet), [np.nan, 0.4, np.nan, np.nan])
    np.testing.assert_allclose(drawn(worse), [-12, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(drawn(better), [np.nan, np.nan, np.nan, 5])
    for trace, row in ((worse, 0), (better, 3)):
        assert trace.error_x.array[row] == pytest.approx(1)
        assert trace.error_x.arrayminus[row] == pytest.approx(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_gain_is_never_the_colour_of_a_loss(per_class, theme):
    def warmth(trace):
        return int(trace.marker.color[1:3], 16) - int(trace.marker.color[5:7], 16)

    quiet, worse, better = figures.class_change(per_class, theme=theme).data
    assert warmth(worse) > 60 > -60 > warmth(better)
    assert abs(warmth(quiet)) < 20


def test_a_verdict_decides_the_colour_before_significance(per_class):
    verdicts = per_class.assign(verdict=["harmed", "cannot tell", None, "unharmed"], needed=[np.nan, 4321.0, np.nan, np.nan])
    figure = figures.class_change(verdicts.assign(affected=False))
    assert [trace.name for trace in figure.data] == ["cannot tell", "harmed", "unharmed"]
    np.testing.assert_allclose([drawn(trace)[row] for trace, row in zip(figure.data, (1, 0, 3), strict=True)], [0.4, -12, 5])
    assert "cannot tell from these examples; about 4,321 would tell" in figure.data[0].hovertext[1]
    after = figures.class_accuracy(verdicts).data[2:]
    assert [[i for i, x in enumerate(drawn(trace)) if x == x] for trace in after] == [[1], [0], [3]]
    assert [trace.marker.color for trace in after] == [trace.marker.color for trace in figure.data]


def test_groups_are_drawn_before_and_after_with_their_names_and_sizes():
    index = pd.MultiIndex.from_tuples([("sex", "F"), ("sex", "M"), ("race", "other")])
    table = pd.DataFrame(
        {"examples": [1000, 20, 7], "reference_accuracy": [0.9, 0.8, 0.5], "accuracy": [0.7, 0.8, 0.5]}, index=index
    ).assign(change_low=-0.25, change_high=0.1, verdict=["harmed", "cannot tell", "cannot tell"])
    figure = figures.group_changes(table, "sex")
    assert list(figure.layout.yaxis.ticktext) == ["F (1,000)", "M (20)"]
    np.testing.assert_allclose(drawn(figure.data[1]), [90, 80])
    harmed = figure.data[3]
    assert harmed.name == "harmed"
    assert harmed.x[0] - harmed.error_x.arrayminus[0] == pytest.approx(65)
    assert list(figures.group_changes(table).layout.yaxis.ticktext)[-1] == "race: other (7)"
    with pytest.raises(ValueError, match="'age'; the table has sex, race"):
        figures.group_changes(table, "age")


def test_affected_classes_carry_a_mark_that_is_not_a_colour(per_class):
    figure = figures.class_change(per_class)
    marked = [text.endswith("●") for text in figure.layout.yaxis.ticktext]
    assert marked == list(per_class["affected"])
    assert "(no examples)" in figure.layout.yaxis.ticktext[2]
    assert [trace.name for trace in figure.data] == ["within chance", "lost (q < 0.05)", "gained (q < 0.05)"]
    assert "● q < 0.05" in figure.layout.xaxis.title.text


@pytest.mark.parametrize("affected", [True, False])
def test_trace_structure_does_not_depend_on_who_is_affected(make_per_class, affected):
    figure = figures.class_change(make_per_class([-0.3, 0.2], [affected] * 2))
    assert [trace.type for trace in figure.data] == ["bar", "bar", "bar"]
    assert figure.layout.uirevision == figures.class_change(make_per_class([0.0], [False])).layout.uirevision
    assert figure.layout.showlegend is not False


@pytest.mark.parametrize("change", [[0.0001], [-0.3, 0.1], [0.05, 0.02], [np.nan], [-1.0]])
def test_range_is_symmetric_holds_every_interval_and_at_least_one_point(make_per_class, change):
    table = make_per_class(change, [False] * len(change))
    low, high = figures.class_change(table).layout.xaxis.range
    assert low == -high
    assert high >= 1
    reach = np.nanmax(np.abs(table[["change_low", "change_high"]].to_numpy()), initial=0) * 100
    assert high >= reach


def test_range_rests_while_values_move_a_little(make_per_class):
    ranges = {figures.class_change(make_per_class([step], [True])).layout.xaxis.range for step in np.linspace(0.06, 0.08, 9)}
    assert len(ranges) == 1


def test_of_many_classes_the_thirty_that_change_most_are_drawn_in_their_order(make_per_class):
    rng = np.random.default_rng(0)
    change = rng.permutation(np.linspace(-0.5, 0.49, 100))
    change[7] = np.nan
    table = make_per_class(change, [False] * 100)
    figure = figures.class_change(table)
    names = list(figure.data[0].y)
    largest = set(table["change"].abs().nlargest(30).index)
    assert names == [name for name in table.index if name in largest]
    assert "largest 30 of 100 classes" in figure.layout.xaxis.title.text


def test_hover_is_a_sentence_with_both_accuracies(per_class):
    text = figures.class_change(per_class).data[1].hovertext[0]
    assert "<b>a</b>: −12.0 pp (interval −13.0 to −11.0)" in text
    assert "90.0% before, 78.0% now" in text
    assert "significant, q = 0.001" in text


def test_class_accuracy_draws_before_after_and_interval(per_class):
    lines, before, after = figures.class_accuracy(per_class).data
    np.testing.assert_allclose(drawn(before), [90, 90, np.nan, 90])
    np.testing.assert_allclose(drawn(after), [78, 90.4, np.nan, 95])
    np.testing.assert_allclose(after.error_x.array[0], 2)
    np.testing.assert_allclose(drawn(lines)[:3], [90, 78, np.nan])
    assert before.marker.symbol != after.marker.symbol


def test_class_accuracy_without_reference_has_the_same_traces(per_class):
    alone = figures.class_accuracy(per_class.drop(columns="reference_accuracy"))
    assert [t.type for t in alone.data] == [t.type for t in figures.class_accuracy(per_class).data]
    assert np.isnan(drawn(alone.data[1])).all()
    assert not any(trace.showlegend for trace in alone.data)


def test_class_accuracy_shows_all_intervals(make_per_class):
    low, high = figures.class_accuracy(make_per_class([-0.55, 0.08], [True, False])).layout.xaxis.range
    assert low < 33
    assert high > 100


def test_missing_columns_are_named(per_class):
    with pytest.raises(ValueError, match=r"q missing: audit with a reference"):
        figures.class_change(per_class.drop(columns="q"))
    with pytest.raises(ValueError, match="accuracy_low missing"):
        figures.class_accuracy(per_class.drop(columns="accuracy_low"))
