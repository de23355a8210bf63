"""The figures of a sparse training's layers."""

import numpy as np
import pandas as pd
import pytest

from labkit import figures

LAYERS = pd.DataFrame(
    [
        (0, "body.fc1.weight", 50, 8.0, 0.1),
        (0, "head.weight", 10, 64.0, 0.9),
        (100, "body.fc1.weight", 40, 10.0, 0.2),
        (100, "head.weight", 10, 64.0, 1.0),
        (250, "body.fc1.weight", 20, 16.0, 0.4),
        (250, "head.weight", 10, 64.0, 1.0),
    ],
    columns=["step", "layer", "active", "fan_in", "explored"],
)


@pytest.mark.parametrize(
    ("what", "first", "last"),
    [("fan_in", [8, 64], [16, 64]), ("active", [100, 100], [40, 100]), ("explored", [10, 90], [40, 100])],
)
def test_every_layer_has_a_mark_for_either_end(what, first, last):
    _, start, end = figures.layer_states(LAYERS.sample(frac=1, random_state=0).sort_values("layer"), what=what).data
    assert [start.name, end.name] == ["at the start", "at the end"]
    assert list(start.y) == list(end.y) == ["body.fc1", "head"]
    np.testing.assert_allclose(start.x, first)
    np.testing.assert_allclose(end.x, last)


def test_all_neurons_count_where_the_frame_says_how_many_there_are():
    _, start, end = figures.layer_states(LAYERS.assign(outputs=[100, 10] * 3), what="active").data
    np.testing.assert_allclose(start.x, [50, 100])
    np.testing.assert_allclose(end.x, [20, 100])


def test_fan_in_is_logarithmic_beyond_eight_to_one():
    near = LAYERS.assign(fan_in=LAYERS["fan_in"].clip(upper=63.9))
    assert figures.layer_states(near).layout.xaxis.type is None
    assert figures.layer_states(near.assign(fan_in=near["fan_in"] + (near["fan_in"] > 60))).layout.xaxis.type == "log"


def test_history_has_one_row_per_layer_and_one_column_per_step():
    (heat,) = figures.layer_history(LAYERS, what="explored").data
    assert list(heat.y) == ["body.fc1", "head"]
    assert list(heat.x) == ["0", "100", "250"]
    np.testing.assert_allclose(heat.z, [[10, 20, 40], [90, 100, 100]])
    assert "step 250<br>positions ever connected (%): 40.0" in heat.hovertext[0][2]


def test_the_colour_of_a_fan_in_is_beside_its_start_and_its_text_the_number():
    figure = figures.layer_history(LAYERS)
    (heat,) = figure.data
    np.testing.assert_allclose(heat.z, [[1, 1.25, 2], [1, 1, 1]])
    assert heat.hovertext[0][2].endswith("fan-in (connections per neuron): 16")
    assert not figure.layout.annotations
    still = figures.layer_history(LAYERS[LAYERS["layer"] == "head.weight"])
    assert [note.text for note in still.layout.annotations] == ["constant over all steps"]


def test_what_a_layer_does_not_know_is_left_out():
    unknown = LAYERS.assign(explored=LAYERS["explored"].where(LAYERS["layer"] == "head.weight"))
    assert list(figures.layer_states(unknown, what="explored").data[2].y) == ["head"]
    nothing = LAYERS.assign(explored=np.nan)
    assert not len(figures.layer_states(nothing, what="explored").data[2].y)
    assert not len(figures.layer_history(nothing, what="explored").data[0].y)


@pytest.mark.parametrize("draw", [figures.layer_states, figures.layer_history])
def test_what_is_missing_or_unknown_is_named(draw):
    for column in ("step", "layer", "fan_in"):
        with pytest.raises(ValueError, match=f"{column} missing"):
            draw(LAYERS.drop(columns=column))
    with pytest.raises(ValueError, match="draws fan_in, active, explored, got 'weight'"):
        draw(LAYERS, what="weight")
    with pytest.raises(ValueError, match="one training"):
        draw(pd.concat([LAYERS, LAYERS]))


def test_long_names_keep_their_end_and_stay_apart():
    names = [f"encoder.layers.encoder_layer_{block}.mlp.0.weight" for block in range(2)]
    frame = pd.concat([LAYERS[LAYERS["layer"] == "head.weight"].assign(layer=name) for name in names])
    drawn = figures.layer_states(frame).data[2].y
    assert len(set(drawn)) == 2
    assert all(name.endswith("mlp.0") and len(name) <= 22 for name in drawn)
