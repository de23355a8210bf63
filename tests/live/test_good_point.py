"""The step at which a slider starts: closed forms of the knee, and of who is harmed."""

import numpy as np
import pytest

from labkit.live.good_points import good_point, knee


def test_the_knee_of_a_broken_line_is_where_it_breaks():
    x = np.arange(11.0)
    for at in (2, 5, 8):
        y = np.where(x <= at, x / at, 1.0)  # rises to 1 at the break, and stays there
        assert knee(x, y) == at
        order = np.random.default_rng(0).permutation(len(x))
        assert order[knee(x[order], y[order])] == at  # whatever the order and the units
        assert knee(1e6 * x + 7, 0.3 * y - 2) == at


def test_the_knee_of_a_quarter_circle_is_its_middle():
    angle = np.linspace(np.pi, np.pi / 2, 181)  # (-1, 0) to (0, 1): farthest from its chord at 135 degrees
    assert knee(np.cos(angle), np.sin(angle)) == 90


@pytest.mark.parametrize(("y", "place"), [([0, 1, 2], 2), ([2, 1, 0], 0), ([1, 1, 1], 2), ([4, 1, 0], 0), ([0, 1, 4], 2)])
def test_without_a_bend_upwards_it_is_the_better_end(y, place):
    assert knee([0, 1, 2], y) == place


def step(size, accuracy=0.9, low=-0.01, **counts):
    return {"bytes": 100 * size, "bytes_ratio": size, "accuracy": accuracy, "accuracy_change_low": low, **counts}


def test_the_smallest_step_that_is_told_to_be_unharmed_comes_first():
    curve = {
        0.9: step(0.1, harmed_classes=2, unclear_classes=0),
        0.8: step(0.2, harmed_classes=0, unclear_classes=1),
        0.7: step(0.3, harmed_classes=0, unclear_classes=0, **{"harmed_groups[sex]": 1, "unclear_groups[sex]": 0}),
        0.6: step(0.4, harmed_classes=0, unclear_classes=0, **{"harmed_groups[sex]": 0, "unclear_groups[sex]": 0}),
        0.5: step(0.5, harmed_classes=0, unclear_classes=0),
    }
    assert good_point(curve) == 0.6
    del curve[0.6], curve[0.5]
    curve[0.4] = step(0.6, low=-0.03, harmed_classes=0, unclear_classes=0)  # the whole may have lost 3 points
    assert good_point(curve) == 0.8  # nobody is harmed, one class cannot be told
    assert good_point(curve, harm=0.05) == 0.4


def test_a_step_that_saves_nothing_is_no_good_point_and_harm_everywhere_leaves_the_knee():
    harmed = {size: step(size, accuracy, -0.5, harmed_classes=3) for size, accuracy in ((0.1, 0.1), (0.2, 0.8), (0.9, 0.85))}
    assert good_point({**harmed, 1.0: step(1.0, 0.9, 0.0, harmed_classes=0, unclear_classes=0)}) == 0.2


def test_too_few_steps_have_no_good_point():
    assert good_point({}) is None
    assert good_point({0.1: step(0.1), 0.2: step(0.2)}) is None
    assert good_point({place: {"accuracy": 0.5} for place in (1.0, 2.0, 3.0)}) is None
