"""The front against its definition, pair by pair; the figure against its frame."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import figures

# few distinct values: ties are what goes wrong
NUMBERS = st.one_of(st.integers(0, 4).map(float), st.just(float("nan")))


def runs():
    return pd.DataFrame(
        {
            "accuracy": [0.92, 0.80, 0.85, 0.70, np.nan, 0.9],
            "bytes": [4e6, 1e6, 2e6, 3e6, 1e6, np.nan],
            "label": list("ABCDEF"),
            "series": ["low rank", "condense", "condense", "low rank", "condense", "condense"],
            "reference": [True, False, False, False, False, False],
        },
        index=[f"run{i}" for i in range(6)],
    ).assign(accuracy_low=lambda f: f["accuracy"] - 0.01, accuracy_high=lambda f: f["accuracy"] + 0.02)


def draw(frame, **more):
    return figures.pareto(frame, **{"x": "bytes", "x_label": "size", "x_unit": "MB", "scale": 1e6, **more})


def beaten(one, others):
    return any(
        other[0] >= one[0] and other[1] <= one[1] and (other[0] > one[0] or other[1] < one[1])
        for other in others
        if not np.isnan(other).any()
    )


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12))
def test_front_is_what_no_row_beats(rows):
    frame = pd.DataFrame(rows, columns=["accuracy", "cost"], dtype=float)
    expected = {i for i, row in enumerate(rows) if not np.isnan(row).any() and not beaten(row, rows)}
    front = figures.pareto_front(frame, "cost")
    assert set(front) == expected
    assert frame.loc[front, "cost"].is_monotonic_increasing


def test_equal_rows_are_all_on_the_front():
    frame = pd.DataFrame({"accuracy": [0.9, 0.9, 0.9], "cost": [1, 1, 2]}, index=["a", "b", "c"])
    assert list(figures.pareto_front(frame, "cost")) == ["a", "b"]


def test_points_are_percent_and_scaled_and_know_their_run():
    traces = {trace.name: trace for trace in draw(runs()).data}
    condense = traces["condense"]
    np.testing.assert_allclose(condense.x, [1, 2])
    np.testing.assert_allclose(condense.y, [80, 85])
    np.testing.assert_allclose(condense.error_y.array, 2)
    np.testing.assert_allclose(condense.error_y.arrayminus, 1)
    assert [row[0] for row in condense.customdata] == ["run1", "run2"]
    assert list(traces["reference"].x) == [4]
    assert traces["reference"].marker.symbol == "star"
    np.testing.assert_allclose(traces["best for its size"].x, [1, 2, 4])


def test_reference_has_a_line_at_its_accuracy():
    lines = draw(runs()).layout.shapes
    assert [line.y0 for line in lines] == pytest.approx([92])
    assert not draw(runs().drop(columns="reference")).layout.shapes


def test_series_differ_in_symbol_and_not_only_in_colour():
    frame = pd.concat([runs().iloc[1:2].assign(series=f"series {i}") for i in range(8)])
    frame.index = range(8)
    looks = [(trace.marker.color, trace.marker.symbol) for trace in draw(frame).data[1:]]
    assert len({symbol for _, symbol in looks}) == 8


@pytest.mark.parametrize(("smallest", "kind"), [(1e6, "linear"), (2e5, "linear"), (1e5, "log"), (0, "linear")])
def test_axis_is_logarithmic_beyond_twenty_to_one(smallest, kind):
    frame = runs()
    frame.loc["run1", "bytes"] = smallest
    assert draw(frame).layout.xaxis.type == kind


def test_a_frame_without_points_draws_an_empty_front():
    assert len(draw(runs().assign(bytes=np.nan)).data) == 1


def test_bad_frames_are_refused():
    with pytest.raises(ValueError, match="series missing"):
        draw(runs().drop(columns="series"))
    with pytest.raises(ValueError, match="macs missing"):
        draw(runs(), x="macs")
    with pytest.raises(ValueError, match="macs missing"):
        figures.pareto_front(runs(), "macs")
    with pytest.raises(ValueError, match="above 0, got 0"):
        draw(runs(), scale=0)


def test_the_selected_run_has_a_ring_in_its_place():
    frame = pd.DataFrame(
        {"accuracy": [0.9, 0.8], "accuracy_low": 0.7, "accuracy_high": 0.95, "bytes": [4e6, 2e6], "label": "x", "series": "y"},
        index=["run", "other"],
    )
    ring = figures.pareto(frame, scale=1e6, selected="other").data[-1]
    assert (ring.name, list(ring.x), list(ring.y)) == ("selected", [2.0], [80.0])
    assert "selected" not in [trace.name for trace in figures.pareto(frame, selected="gone").data]


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 2)), max_size=12))
def test_the_front_with_intervals_is_what_is_certainly_cheaper(rows):
    frame = pd.DataFrame([(a, x, x - w, x + w) for a, x, w in rows], columns=["accuracy", "x", "low", "high"], dtype=float)
    known = frame.dropna()
    expected = {
        i
        for i, row in known.iterrows()
        if all(row.high < other.low for _, other in known[known.accuracy > row.accuracy].iterrows())
        and not any(other.high < row.low for _, other in known[known.accuracy == row.accuracy].iterrows())
    }
    assert set(figures.pareto_front(frame, "x", low="low", high="high")) == expected


def timed():
    rows = runs().dropna(subset=["accuracy"]).assign(bytes=[1.0, 0.9, 0.99, np.nan, 0.5], detail="1.2 ms on a machine")
    return rows.rename(columns={"bytes": "t"}).assign(t_low=[1, 0.8, 0.9, np.nan, np.nan], t_high=[1, 0.95, 1.05, np.nan, np.nan])


def test_noise_puts_no_run_on_the_front_and_a_run_without_interval_is_open():
    chart = figures.pareto(timed(), x="t", intervals=True)
    traces = {trace.name: trace for trace in chart.data}
    front = traces["best for its size"]
    # run1 (80 %) is certainly cheaper than the reference but not than run2 (85 %), whose interval holds 1
    assert list(front.y) == [92]
    condense = traces["condense"]
    np.testing.assert_allclose(condense.error_x.array, [0.05, 0.06, np.nan])
    np.testing.assert_allclose(condense.error_x.arrayminus, [0.1, 0.09, np.nan])
    assert [str(symbol).endswith("-open") for symbol in condense.marker.symbol] == [False, False, True]
    assert "interval 0.8 to 0.95" in condense.hovertext[0]
    assert "1.2 ms on a machine" in condense.hovertext[0]
    assert "cannot tell" in condense.hovertext[2]


def test_equal_networks_are_not_ranked_by_their_times():
    rows = runs().iloc[[1, 1]].assign(t=[0.98, 1.01], t_low=[0.95, 0.97], t_high=[1.02, 1.04])
    rows.index = ["a", "b"]
    assert set(figures.pareto_front(rows, "t", low="t_low", high="t_high")) == {"a", "b"}


def test_a_figure_that_is_better_when_higher_has_its_front_at_the_right():
    frame = runs().dropna().assign(speed=[1.0, 3.0, 2.0, 2.5])
    chart = figures.pareto(frame, x="speed", better="higher")
    assert list(chart.data[0].x) == [3, 2, 1]
    assert list(chart.data[0].y) == pytest.approx([80, 85, 92])
    with pytest.raises(ValueError, match="'lower' or 'higher', got 'more'"):
        figures.pareto(frame, x="speed", better="more")
