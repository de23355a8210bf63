"""Colours with a meaning, for a light and a dark page."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.figures.template import Theme, template

# plotly symbols in the order series take them; each differs from its neighbours in shape, not only in fill
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "pentagon")


@dataclass(frozen=True)
class Shades:
    """What a colour says; `strong` and `quiet` are far apart in lightness too, so that a grey print still tells them apart."""

    ink: str
    strong: str
    quiet: str
    better: str
    neutral: str
    worse: str

    @property
    def diverging(self) -> list[tuple[float, str]]:
        """Colour scale from worse (0) to better (1); `ink` is readable on all of it."""
        return [(0.0, self.worse), (0.5, self.neutral), (1.0, self.better)]

    @property
    def diverging_down(self) -> list[tuple[float, str]]:
        """The same scale for a quantity of which more is worse."""
        return [(0.0, self.better), (0.5, self.neutral), (1.0, self.worse)]


LIGHT = Shades(ink="#222222", strong="#D55E00", quiet="#8C8C8C", better="#56B4E9", neutral="#F6F6F6", worse="#E69F00")
# on dark paper the ends are dark enough for light text: the same hues, half the light
DARK = Shades(ink="#EEEEEE", strong="#E8741A", quiet="#7D838C", better="#0069A6", neutral="#20242C", worse="#9C4A00")


def shades(theme: Theme) -> Shades:
    """Return the colours of a theme.

    Raises
    ------
    ValueError
        On another theme.
    """
    template(theme)
    return LIGHT if theme == "light" else DARK
