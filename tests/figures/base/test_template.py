"""The template and its colours are readable, also for colour-blind readers."""

import numpy as np
import pytest

from labkit import figures
from labkit.figures.base.shades import GROUPS, shades
from labkit.figures.base.wording import ceiling, signed
from tests.figures.colours import channels, contrast


@pytest.mark.parametrize(("theme", "paper"), [("light", "#FFFFFF"), ("dark", "#0E1117")])
def test_text_contrast_meets_wcag_aa(theme, paper):
    layout = figures.template(theme).layout
    for ink, ground in [(layout.font.color, paper), (layout.hoverlabel.font.color, layout.hoverlabel.bgcolor)]:
        assert contrast(ink, ground) >= 4.5


@pytest.mark.parametrize(("theme", "paper"), [("light", "#FFFFFF"), ("dark", "#0E1117")])
def test_marks_stand_out_from_the_paper_and_text_from_cells(theme, paper):
    colours = shades(theme)
    for mark in (colours.strong, colours.gain, colours.quiet, *GROUPS):
        assert contrast(mark, paper) >= 3  # WCAG 2 for graphics
    assert contrast(colours.ink, colours.unknown) >= 4.5


def seen(colour, eye):
    """CIELAB (D65) of a colour as `eye`, a matrix on linear RGB, sees it."""
    part = channels(colour) / 255
    linear = np.clip(eye @ np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_the_whole_diverging_scale(theme):
    colours = shades(theme)
    for end in (colours.better, colours.worse):
        for share in np.linspace(0, 1, 21):
            mixed = channels(colours.neutral) * (1 - share) + channels(end) * share
            cell = "#" + "".join(f"{round(value):02X}" for value in mixed)
            assert contrast(colours.ink, cell) >= 4.5


# Machado, Oliveira & Fernandes (2009), severity 1
EYES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "trichromacy": np.eye(3),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_meanings_stay_apart_for_colour_blind_readers(theme, eye):
    colours = shades(theme)
    for one, other in [
        (colours.better, colours.worse),
        (colours.better, colours.neutral),
        (colours.worse, colours.neutral),
        (colours.strong, colours.quiet),
        (colours.strong, colours.gain),
        (colours.gain, colours.quiet),
    ]:
        # a difference of 2.3 is just noticeable (Mahy et al. 1994)
        assert np.linalg.norm(seen(one, np.array(EYES[eye])) - seen(other, np.array(EYES[eye]))) > 20


def test_other_themes_are_refused():
    with pytest.raises(ValueError, match="'light' or 'dark'"):
        figures.template("blue")
    with pytest.raises(ValueError, match="'light' or 'dark'"):
        shades("blue")


@pytest.mark.parametrize(
    ("values", "expected"), [([], 1), ([0.2], 1), ([-1.5, 1], 2), ([3], 5), ([-7], 10), ([99, float("nan")], 100), ([100], 100)]
)
def test_ceiling_is_the_next_of_one_two_five(values, expected):
    assert ceiling(values) == expected


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(1.24, 1, "+1.2"), (-0.04, 1, "0.0"), (0, 0, "0"), (-3.2, 0, "−3"), (float("nan"), 1, "")]
)
def test_signed_numbers_have_a_true_minus_and_no_negative_zero(value, digits, text):
    assert signed(value, digits) == text
