"""The figures of speed: where the marks stand, and which frames are refused."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures
from labkit.figures.base.log_ticks import log_ticks

LAYER = pd.DataFrame(
    [
        (64, "dense", 100, 80, 125),
        (64, "ours", 50, 40, 80),
        (8, "gather", 30, 30, 30),
        (8, "dense", 10, 10, 10),
        (8, "ours", 20, 20, 40),
    ],
    columns=["batch", "what", "median_us", "low_us", "high_us"],
)
NETWORK = pd.DataFrame(
    [
        ("vit", 1, "dense", 6, 5, 7, 1),
        ("vit", 1, "ours", 3, 2, 8, 2),
        ("vit", 64, "dense", 90, 80, 95, 1),
        ("vit", 64, "ours", 30, 29, 31, 3),
    ],
    columns=["model", "batch", "what", "median_ms", "low_ms", "high_ms", "ratio_to_dense"],
)


def by_name(figure):
    return {trace.name: trace for trace in figure.data}


def test_a_form_stands_at_dense_over_its_own_time_with_quartiles():
    ours = by_name(figures.kernel_speed(LAYER))["ours"]
    assert list(ours.x) == ["8", "64"]
    np.testing.assert_allclose(ours.y, [10 / 20, 100 / 50])
    np.testing.assert_allclose(ours.y + ours.error_y.array, [10 / 20, 100 / 40])
    np.testing.assert_allclose(ours.y - ours.error_y.arrayminus, [10 / 40, 100 / 80])
    assert ours.hovertext[1] == "<b>ours</b>, batch 64: 2 times as fast as dense<br>50 µs (quartiles 40 to 80)"


def test_dense_is_the_line_at_one_with_its_own_quartiles():
    figure = figures.kernel_speed(LAYER)
    dense = by_name(figure)["dense"]
    np.testing.assert_allclose(dense.y, 1)
    np.testing.assert_allclose(dense.y + dense.error_y.array, [1, 100 / 80])
    assert [line.y0 for line in figure.layout.shapes] == [1]


def test_batches_are_in_order_and_ratios_on_a_log_axis():
    layout = figures.kernel_speed(LAYER).layout
    assert list(layout.xaxis.categoryarray) == ["8", "64"]
    assert layout.yaxis.type == "log"
    assert layout.yaxis.tickvals[0] <= 10 / 40
    assert layout.yaxis.tickvals[-1] >= 100 / 40


def test_a_form_keeps_its_colour_whichever_others_are_drawn():
    one, other = by_name(figures.kernel_speed(LAYER)), by_name(figures.kernel_speed(LAYER[LAYER["what"] != "ours"]))
    assert one["gather"].line.color == other["gather"].line.color != one["ours"].line.color
    assert one["gather"].marker.symbol != one["ours"].marker.symbol


def test_an_unknown_form_is_drawn_too():
    more = pd.concat([LAYER, pd.DataFrame([(8, "another", 5, 5, 5)], columns=LAYER.columns)])
    np.testing.assert_allclose(by_name(figures.kernel_speed(more))["another"].y, [2])


@pytest.mark.parametrize("column", LAYER.columns)
def test_a_missing_column_of_a_layer_is_named(column):
    with pytest.raises(ValueError, match=f"{column} missing"):
        figures.kernel_speed(LAYER.drop(columns=column))


def test_rows_of_several_layers_are_refused():
    with pytest.raises(ValueError, match=r"one layer.*several for batch 64, what dense"):
        figures.kernel_speed(pd.concat([LAYER, LAYER.iloc[:1]]))


def test_a_batch_without_dense_is_refused():
    with pytest.raises(ValueError, match="batch 8 has no row"):
        figures.kernel_speed(LAYER.drop(index=3))


@pytest.mark.parametrize("bad", [0, -1, np.nan])
def test_times_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="above 0, got"):
        figures.kernel_speed(LAYER.assign(low_us=float(bad)))
    with pytest.raises(ValueError, match="above 0, got"):
        figures.end_to_end_speed(NETWORK.assign(median_ms=float(bad)))


def test_networks_are_pairs_of_bars_with_their_ratio():
    figure = figures.end_to_end_speed(NETWORK)
    dense, ours, ratios = figure.data
    assert [dense.name, ours.name] == ["dense", "ours"]
    assert list(dense.y) == list(ours.y) == list(ratios.y) == ["vit<br>batch 1", "vit<br>batch 64"]
    np.testing.assert_allclose(dense.x, [6, 90])
    np.testing.assert_allclose(ours.x, [3, 30])
    np.testing.assert_allclose(ours.x + ours.error_x.array, [8, 31])
    np.testing.assert_allclose(ours.x - ours.error_x.arrayminus, [2, 29])
    np.testing.assert_allclose(ratios.x, [8, 95])  # right of the longer whisker
    assert [text.strip() for text in ratios.text] == ["2.00×", "3.00×"]


@pytest.mark.parametrize(("longest", "kind"), [(59, None), (61, "log")])
def test_the_axis_of_times_is_logarithmic_beyond_twenty_to_one(longest, kind):
    frame = NETWORK.assign(high_ms=NETWORK["high_ms"].clip(upper=longest))
    figure = figures.end_to_end_speed(frame)
    assert figure.layout.xaxis.type == kind
    # a bar's length means nothing on an axis without a zero
    assert [trace.type for trace in figure.data[:2]] == ["scatter" if kind == "log" else "bar"] * 2


def test_names_too_long_for_a_phone_are_short_but_not_the_same():
    frame = pd.concat([NETWORK.assign(model=f"timm:vit_base_patch{size}_224") for size in (16, 32)])
    figure = figures.end_to_end_speed(frame)
    assert len(set(figure.data[1].y)) == 4
    assert all(len(line) <= 20 for text in figure.layout.yaxis.ticktext for line in text.split("<br>"))


@pytest.mark.parametrize("column", NETWORK.columns)
def test_a_missing_column_of_networks_is_named(column):
    with pytest.raises(ValueError, match=f"{column} missing"):
        figures.end_to_end_speed(NETWORK.drop(columns=column))


def test_several_sparsities_of_a_network_are_refused():
    with pytest.raises(ValueError, match=r"one sparsity.*several for model vit, batch 1, what dense"):
        figures.end_to_end_speed(pd.concat([NETWORK, NETWORK]))


def test_empty_frames_draw_nothing():
    assert not any(len(trace.y) for trace in figures.kernel_speed(LAYER.iloc[:0]).data)
    assert not any(len(trace.y) for trace in figures.end_to_end_speed(NETWORK.iloc[:0]).data)


@pytest.mark.parametrize(
    ("values", "few", "ticks"),
    [
        ([0.6, 4], False, [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]),
        ([0.01, 90], False, [0.01, 0.1, 1, 10, 100]),
        ([0.09, 80], False, [d * 10.0**e for e in range(-2, 3) for d in (1, 2, 5)]),
        ([2, 30], True, [1, 10, 100]),
    ],
)
def test_log_ticks_are_written_out(values, few, ticks):
    axis = log_ticks(values, few=few)
    np.testing.assert_allclose(axis["tickvals"], ticks)
    assert [float(text) for text in axis["ticktext"]] == pytest.approx(ticks)
