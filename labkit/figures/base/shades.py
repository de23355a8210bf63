"""Semantic colours for light and dark pages."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.figures.base.template import Theme, template

# Plotly symbols in the order of series; neighbours differ in shape, not only in fill
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "pentagon")


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
    less, more : str
        Grounds of cells with a number below and above a middle, where neither is better, e.g. weights by their sign.
    """

    ink: str
    strong: str
    gain: str
    quiet: str
    better: str
    neutral: str
    worse: str
    unknown: str
    less: str
    more: str

    @property
    def signed(self) -> list[tuple[float, str]]:
        """Colour scale from less (0) to more (1), of which neither is better, on which `ink` is readable."""
        return [(0.0, self.less), (0.5, self.neutral), (1.0, self.more)]

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
    less="#C59AF0",
    more="#6CC7A0",
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
    less="#6B3FA8",
    more="#1B7355",
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
