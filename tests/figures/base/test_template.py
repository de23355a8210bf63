"""The template and its colours are readable, also for colour-blind readers."""

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest

from labkit import figures
from labkit.figures.base.shades import shades
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
    for mark in (colours.strong, colours.gain, colours.quiet):
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


PAPERS = {"light": ("#FFFFFF",), "dark": ("#0E1117", "#20242C")}


def meanings(theme):
    colours = shades(theme)
    return (colours.strong, colours.gain, colours.worse, colours.better)


@pytest.mark.parametrize("theme", PAPERS)
def test_no_series_has_a_colour_that_means_better_or_worse(theme):
    eye = np.array(EYES["trichromacy"])
    for series in figures.template(theme).layout.colorway:
        for meaning in meanings(theme):
            assert np.linalg.norm(seen(series, eye) - seen(meaning, eye)) > 35, (series, meaning)
        _, a, b = seen(series, eye)
        assert np.hypot(a, b) > 20, f"{series} is a grey, which means unknown"
        assert all(contrast(series, paper) >= 3 for paper in PAPERS[theme])  # WCAG 2 for graphics


@pytest.mark.parametrize("theme", PAPERS)
@pytest.mark.parametrize("eye", EYES)
def test_series_stay_apart_for_colour_blind_readers(theme, eye):
    points = [seen(colour, np.array(EYES[eye])) for colour in figures.template(theme).layout.colorway]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(points, 2)) > 15


@pytest.mark.parametrize("theme", PAPERS)
def test_signs_have_no_colour_that_means_better_or_worse(theme):
    colours, eye = shades(theme), np.array(EYES["trichromacy"])
    for ground in (colours.less, colours.more):
        assert contrast(colours.ink, ground) >= 4.5
        assert min(np.linalg.norm(seen(ground, eye) - seen(meaning, eye)) for meaning in meanings(theme)) > 35


def colours_of(figure):
    """Every colour of the traces of a figure, as #RRGGBB; not those of the template, which the test above holds."""
    said = json.dumps([trace.to_plotly_json() for trace in figure.data], default=lambda array: array.tolist())
    return set(re.findall(r"#[0-9A-Fa-f]{6}", said))


@pytest.mark.parametrize("theme", PAPERS)
def test_figures_of_several_methods_have_no_orange_and_no_blue(theme):
    runs = pd.DataFrame(
        {"accuracy": 0.9, "accuracy_low": 0.89, "accuracy_high": 0.91, "bytes": range(1, 9)}, index=list("abcdefgh")
    )
    runs = runs.assign(label=runs.index, series=runs.index)
    tried = pd.DataFrame({"x": range(8), "accuracy": 0.9, "series": list("abcdefgh"), "label": "", "frontier": False})
    rules = ["srigl", "rigl", "static", "gmp", "set", "dense"]
    trained = pd.DataFrame({"rule": rules, "sparsity": 0.9, "seeds": 3, "mean": 0.9, "low": 0.89, "high": 0.91})
    curves = pd.DataFrame({"rule": rules, "step": 1, "validation_accuracy": 0.9})
    layers = pd.DataFrame({"distribution": rules, "layer": "fc1", "density": 0.1, "fan_in": 3, "macs": 10})
    speeds = pd.DataFrame({"what": ["dense", "ours", "csr", "n_of_m"], "batch": 1, "median_us": [4.0, 3, 2, 1]})
    speeds = speeds.assign(low_us=0.5, high_us=5.0)
    drawn = {
        "pareto": lambda: figures.pareto(runs, theme=theme),
        "tried": lambda: figures.tried_settings(tried, theme=theme),
        "sparsity": lambda: figures.sparsity_accuracy(trained, theme=theme),
        "curves": lambda: figures.training_curves(curves, theme=theme),
        "layers": lambda: figures.layer_densities(layers, theme=theme),
        "speed": lambda: figures.kernel_speed(speeds, theme=theme),
    }
    eye = np.array(EYES["trichromacy"])
    for name, draw in drawn.items():
        for colour in colours_of(draw()):
            for meaning in meanings(theme):
                assert np.linalg.norm(seen(colour, eye) - seen(meaning, eye)) > 20, (name, colour, meaning)


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
