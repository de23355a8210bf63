"""The figures of sparse training: where marks and whiskers stand, and which frames are refused."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labkit import figures

SEEDS = {
    ("rigl", 0.9): [0.91, 0.92, 0.93],
    ("srigl", 0.9): [0.90, 0.94],
    ("srigl", 0.98): [0.85],
    ("set", 0.98): [0.80, 0.81, 0.82, 0.83],
}


def cells():
    """Means and intervals as SciPy has them; one value alone has an infinite one."""
    rows = []
    for (rule, sparsity), values in SEEDS.items():
        low, high = (-np.inf, np.inf)
        if len(values) > 1:
            low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        rows.append((rule, sparsity, np.mean(values), low, high, len(values)))
    return pd.DataFrame(rows, columns=["rule", "sparsity", "mean", "low", "high", "seeds"])


CELLS = cells()
DENSE = {"mean": 0.95, "low": 0.94, "high": 0.96}
CURVES = pd.DataFrame(
    [("rigl", 10, 0.5), ("rigl", 20, 0.7), ("rigl", 20, 0.8), ("dense", 20, 0.9), ("srigl, fraction=0.6", 10, 0.4)],
    columns=["rule", "step", "validation_accuracy"],
)


def by_name(figure):
    return {trace.name: trace for trace in figure.data}


def test_whiskers_are_the_t_interval_in_percent():
    rigl = by_name(figures.sparsity_accuracy(CELLS))["RigL"]
    low, high = stats.t.interval(0.95, 2, 0.92, stats.sem([0.91, 0.92, 0.93]))
    np.testing.assert_allclose(rigl.y, [92])
    np.testing.assert_allclose(rigl.y + rigl.error_y.array, [100 * high])
    np.testing.assert_allclose(rigl.y - rigl.error_y.arrayminus, [100 * low])
    assert "(95 % interval 89.52 to 94.48, 3 seeds)" in rigl.hovertext[0]


def test_one_seed_has_a_mark_without_whisker_and_says_so():
    srigl = by_name(figures.sparsity_accuracy(CELLS))["SRigL"]
    np.testing.assert_allclose(srigl.y, [92, 85])
    assert np.isfinite(srigl.error_y.array).tolist() == [True, False]
    assert srigl.hovertext[1] == "<b>SRigL</b>, sparsity 98 %<br>85.00 %, 1 seed: no interval"


def test_marks_stand_beside_one_another_around_their_sparsity():
    figure = figures.sparsity_accuracy(CELLS)
    places = dict(zip(figure.layout.xaxis.ticktext, figure.layout.xaxis.tickvals, strict=True))
    assert list(places) == ["90 %", "98 %"]
    at = {name: trace.x for name, trace in by_name(figure).items()}
    assert len({at["SRigL"][0], at["RigL"][0]}) == 2
    assert len({at["SRigL"][1], at["SET"][0]}) == 2
    for x, place in ((at["SRigL"][0], "90 %"), (at["RigL"][0], "90 %"), (at["SRigL"][1], "98 %"), (at["SET"][0], "98 %")):
        assert abs(x - places[place]) < 0.5


def test_dense_is_a_dotted_line_in_its_band():
    figure = figures.sparsity_accuracy(CELLS, dense=DENSE)
    dense = figure.data[-1]
    assert dense.name == "dense"
    assert set(dense.y) == {95}
    assert dense.line.dash == "dot"
    assert [(band.y0, band.y1) for band in figure.layout.shapes] == [(94, 96)]
    alone = figures.sparsity_accuracy(CELLS, dense={"mean": 0.95, "low": -np.inf, "high": np.inf})
    assert not alone.layout.shapes


def test_a_wide_whisker_does_not_squeeze_the_means():
    wide = CELLS.assign(low=CELLS["mean"] - 0.5, high=CELLS["mean"] + 0.5)
    bottom, top = figures.sparsity_accuracy(wide).layout.yaxis.range
    assert bottom < 81.5
    assert top > 92
    assert top - bottom < 40  # of 100 that the whiskers reach over; the means differ by 10.5


def test_a_rule_keeps_its_look_whichever_others_are_drawn():
    one, other = by_name(figures.sparsity_accuracy(CELLS)), by_name(figures.sparsity_accuracy(CELLS[CELLS["rule"] == "set"]))
    assert one["SET"].line.color == other["SET"].line.color
    assert one["SET"].marker.symbol == other["SET"].marker.symbol
    assert len({trace.line.color for trace in one.values()}) == len({trace.marker.symbol for trace in one.values()}) == 3


def test_shares_of_the_flops_are_in_percent_on_a_log_axis():
    frame = CELLS.assign(share=[0.2, 0.19, 0.06, 0.05])
    dense = pd.DataFrame([{"rule": "dense", "sparsity": 0.0, "share": 1.0, "seeds": 2, **DENSE}])
    figure = figures.flops_accuracy(pd.concat([frame, dense]), x_label="training FLOPs")
    traces = by_name(figure)
    np.testing.assert_allclose(traces["SRigL"].x, [6, 19])
    np.testing.assert_allclose(traces["SRigL"].y, [85, 92])
    np.testing.assert_allclose(traces["dense"].x, [100])
    assert figure.layout.xaxis.type == "log"
    assert list(traces)[-1] == "dense"


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_share_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="above 0, got"):
        figures.flops_accuracy(CELLS.assign(share=bad), x_label="x")


def test_values_of_a_parameter_stand_in_order_with_their_empty_neurons():
    frame = CELLS.assign(gamma=[0.95, 0.3, 0.99, 0.6], empty=[0.25, 0, 0.5, np.nan])
    figure = figures.parameter_accuracy(frame, parameter="gamma")
    assert list(figure.layout.xaxis.ticktext) == ["0.3<br>0 %", "0.6<br>", "0.95<br>25 %", "0.99<br>50 %"]
    np.testing.assert_allclose(figure.data[0].y, [92, 81.5, 92, 85])
    assert "25 % of the neurons are empty" in figure.data[0].hovertext[2]
    with pytest.raises(ValueError, match="gamma occurs twice"):
        figures.parameter_accuracy(frame.assign(gamma=0.3), parameter="gamma")


def test_a_curve_is_the_mean_over_seeds():
    traces = by_name(figures.training_curves(CURVES))
    assert list(traces) == ["SRigL, fraction=0.6", "RigL", "dense"]
    np.testing.assert_allclose(traces["RigL"].x, [10, 20])
    np.testing.assert_allclose(traces["RigL"].y, [50, 75])
    assert traces["RigL"].hovertext[1] == "<b>RigL</b>, step 20: 75.00 % (mean of 2)"
    assert traces["RigL"].hovertext[0] == "<b>RigL</b>, step 10: 50.00 %"


def test_a_variant_has_the_colour_of_its_rule_and_a_dash():
    more = pd.concat([CURVES, CURVES.iloc[:1].assign(rule="srigl"), CURVES.iloc[:1].assign(rule="mine")])
    traces = by_name(figures.training_curves(more))
    assert list(traces) == ["SRigL", "SRigL, fraction=0.6", "RigL", "mine", "dense"]
    assert traces["SRigL"].line.color == traces["SRigL, fraction=0.6"].line.color
    assert traces["SRigL"].line.dash == "solid"
    assert traces["SRigL, fraction=0.6"].line.dash != "solid"


@pytest.mark.parametrize(
    ("draw", "frame"),
    [
        (figures.sparsity_accuracy, CELLS.drop(columns="seeds")),
        (lambda frame: figures.flops_accuracy(frame, x_label="x"), CELLS.drop(columns="seeds").assign(share=0.5)),
        (partial(figures.parameter_accuracy, parameter="gamma"), CELLS[["mean", "low", "high"]].assign(gamma=range(4))),
        (figures.training_curves, CURVES),
    ],
)
def test_a_missing_column_is_named_and_no_row_is_no_mark(draw, frame):
    for column in frame.columns:
        with pytest.raises(ValueError, match=f"{column} missing"):
            draw(frame.drop(columns=column))
    assert not any(len(trace.y) for trace in draw(frame.iloc[:0]).data)


def test_several_networks_are_refused():
    with pytest.raises(ValueError, match=r"one network.*several for rigl at 0.9"):
        figures.sparsity_accuracy(pd.concat([CELLS, CELLS]))


@pytest.mark.parametrize("name", ["sparsity_accuracy", "parameter_accuracy", "training_curves"])
def test_another_theme_is_refused(name):
    frames = {"training_curves": CURVES, "parameter_accuracy": CELLS.drop(columns=["rule", "sparsity"]).assign(gamma=range(4))}
    with pytest.raises(ValueError, match="theme must be"):
        getattr(figures, name)(frames.get(name, CELLS), theme="sepia")


def test_titles_that_are_given_name_rules_and_order_them():
    frame = pd.concat([CELLS, CELLS.iloc[:1].assign(rule="mine")])
    titles = {"mine": "My rule", "set": "SET 2018"}
    figure = figures.sparsity_accuracy(frame, titles=titles)
    assert [trace.name for trace in figure.data] == ["My rule", "SET 2018", "SRigL", "RigL"]
    assert figure.data[0].line.width > figure.data[1].line.width
    assert [trace.name for trace in figures.training_curves(CURVES.assign(rule="mine"), titles=titles).data] == ["My rule"]


def test_the_parameter_is_the_first_column_that_is_none_of_the_others():
    frame = CELLS[["mean", "low", "high", "seeds"]].assign(fraction=[0.1, 0.2, 0.3, 0.4])
    figure = figures.parameter_accuracy(frame)
    assert figure.layout.xaxis.title.text == "fraction"
    assert list(figure.layout.xaxis.ticktext) == ["0.1<br>", "0.2<br>", "0.3<br>", "0.4<br>"]
