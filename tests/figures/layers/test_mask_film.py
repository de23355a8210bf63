"""The animation of a mask: every frame decodes to its mask."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labkit import figures, sparsify
from labkit.figures.layers.mask_film import LIGHT

STAYS, NEW, GONE, EMPTY = 1, 2, 3, 4
RANDOM = np.random.default_rng(0).random((3, 5, 9)) < 0.4


def pixels(source):
    """The palette's places of a picture, uint8 [height, width]."""
    head, _, body = source.partition(",")
    assert head == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(body)))
    assert image.mode == "P"
    return np.asarray(image)


def test_every_frame_decodes_to_its_mask():
    figure = figures.mask_film([(10 * place, mask) for place, mask in enumerate(RANDOM)])
    assert [frame.name for frame in figure.frames] == ["0", "10", "20"]
    for frame, mask in zip(figure.frames, RANDOM, strict=True):
        found = pixels(frame.data[0].source)
        np.testing.assert_array_equal(np.isin(found, [STAYS, NEW]).T, mask)  # more inputs than neurons: inputs run down
    assert figure.data[0].source == figure.frames[0].data[0].source
    last = pixels(figure.frames[2].data[0].source).T
    np.testing.assert_array_equal(last == NEW, RANDOM[2] & ~RANDOM[1])
    np.testing.assert_array_equal(last == GONE, RANDOM[1] & ~RANDOM[2])


def test_colours_say_what_happened_since_the_frame_before():
    before = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]], bool)
    after = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]], bool)
    first, second = figures.mask_film([(0, before), (25, after)]).frames
    assert set(pixels(first.data[0].source)[:2].ravel()) == {0, STAYS}  # the first has nothing before it
    np.testing.assert_array_equal(
        pixels(second.data[0].source),
        [
            [STAYS, GONE, NEW, 0],
            [GONE, EMPTY, EMPTY, EMPTY],
            [EMPTY, EMPTY, EMPTY, EMPTY],
            [0, 0, 0, STAYS],
            [STAYS, STAYS, STAYS, STAYS],
        ],
    )
    assert second.layout.title.text == "<b>step 25</b>: 1 new, 2 removed<br>7 connections, 3 of 5 neurons active"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_legend_shows_the_colours_of_the_picture(theme):
    figure = figures.mask_film([(0, RANDOM[0]), (5, RANDOM[1])], theme=theme)
    legend = {trace.name: trace.marker.color for trace in figure.data[1:]}
    assert list(legend) == ["kept", "new", "removed", "empty neuron"]
    image = Image.open(io.BytesIO(base64.b64decode(figure.data[0].source.partition(",")[2])))
    palette = bytes(image.getpalette())
    drawn = ["#" + palette[3 * kind : 3 * kind + 3].hex().upper() for kind in (STAYS, NEW, GONE, EMPTY)]
    assert drawn == list(legend.values())
    assert image.info["transparency"] in (0, b"\x00")


def test_button_and_slider_reach_every_frame():
    figure = figures.mask_film((25 * place, mask) for place, mask in enumerate(RANDOM))
    (slider,) = figure.layout.sliders
    assert [step.args[0] for step in slider.steps] == [("0",), ("25",), ("50",)]
    (menu,) = figure.layout.updatemenus
    assert [button.label for button in menu.buttons] == ["▶ Play", "❚❚ Stop"]
    assert menu.buttons[0].args[1]["frame"]["redraw"]


def test_one_frame_has_neither():
    figure = figures.mask_film([(0, RANDOM[0])])
    assert not figure.layout.sliders
    assert not figure.layout.updatemenus
    np.testing.assert_array_equal(pixels(figure.data[0].source).T == STAYS, RANDOM[0])


@pytest.mark.parametrize(("shape", "across", "down"), [((5, 9), "neurons", "inputs"), ((9, 5), "inputs", "neurons")])
def test_the_longer_side_runs_down(shape, across, down):
    figure = figures.mask_film([(0, np.ones(shape, bool))])
    assert pixels(figure.data[0].source).shape == (9, 5)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (across, down)


def test_a_long_film_of_a_large_layer_leaves_frames_out_but_not_the_last():
    rng = np.random.default_rng(1)
    masks = [(10 * place, rng.random((300, 400)) < 0.5) for place in range(40)]
    figure = figures.mask_film(masks)
    steps = [int(frame.name) for frame in figure.frames]
    assert sum(len(frame.data[0].source) for frame in figure.frames) <= LIGHT
    assert 2 <= len(steps) < 40
    assert (steps[0], steps[-1]) == (0, 390)
    found = pixels(figure.frames[1].data[0].source).T
    before, after = masks[0][1], dict(masks)[steps[1]]
    np.testing.assert_array_equal(found == NEW, after & ~before)  # beside the frame that is shown before it


def test_it_takes_what_a_film_has_kept():
    kept = [np.packbits(mask).tobytes() for mask in RANDOM]
    rows = [{"step": step, "layer": "fc", "outputs": 5, "inputs": 9, "bits": bits} for step, bits in enumerate(kept)]
    figure = figures.mask_film(sparsify.frames(pd.DataFrame(rows)))
    np.testing.assert_array_equal(np.isin(pixels(figure.frames[2].data[0].source), [STAYS, NEW]).T, RANDOM[2])


def test_nothing_and_masks_of_two_layers_are_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        figures.mask_film([])
    with pytest.raises(ValueError, match="of one shape"):
        figures.mask_film([(0, RANDOM[0]), (1, RANDOM[0].T)])
    with pytest.raises(ValueError, match="of one shape"):
        figures.mask_film([(0, RANDOM)])
