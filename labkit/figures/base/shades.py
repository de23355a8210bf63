"""Semantic colours for light and dark pages."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.figures.base.template import Theme, template

# Plotly symbols in the order of series; neighbours differ in shape, not only in fill
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "pentagon")
# of groups of people, which are neither better nor worse: no blue and no orange, on light and on dark paper
GROUPS = ("#009E73", "#B85C95", "#8E6FC1", "#8C7A2B", "#7A7F87", "#5B8C3E")


@dataclass(frozen=True)
class Shades:
    """Semantic colours of a theme: orange is worse, blue better, grey unknown; they also differ in lightness, for greyscale prints.

    Attributes
    ----------
    ink : str
        Text, and lines that must be seen.
    strong, gain, quiet : str
        Marks: for the worse, for the better, and what cannot be told or only compares.
    worse, better, unknown, neutral : str
        The same as grounds of cells on which `ink` is readable; `neutral` is no change.
    """

    ink: str
    strong: str
    gain: str
    quiet: str
    better: str
    neutral: str
    worse: str
    unknown: str

    @property
    def diverging(self) -> list[tuple[float, str]]:
        """Colour scale from worse (0) to better (1), on which `ink` is readable."""
        return [(0.0, self.worse), (0.5, self.neutral), (1.0, self.better)]

    @property
    def diverging_down(self) -> list[tuple[float, str]]:
        """The same scale for a quantity that is better when lower."""
        return [(0.0, self.better), (0.5, self.neutral), (1.0, self.worse)]


LIGHT = Shades(
    ink="#222222",
    strong="#D55E00",
    gain="#0072B2",
    quiet="#8C8C8C",
    better="#56B4E9",
    neutral="#F6F6F6",
    worse="#E69F00",
    unknown="#CFCFCF",
)
# on dark paper the ends are dark enough for light text: the same hues, half the light
DARK = Shades(
    ink="#EEEEEE",
    strong="#E8741A",
    gain="#56B4E9",
    quiet="#7D838C",
    better="#0069A6",
    neutral="#20242C",
    worse="#9C4A00",
    unknown="#4A4F58",
)


def shades(theme: Theme) -> Shades:
    """Return the colours of a theme.

    Parameters
    ----------
    theme : {"light", "dark"}

    Returns
    -------
    Shades

    Raises
    ------
    ValueError
        For another theme.
    """
    template(theme)
    return LIGHT if theme == "light" else DARK
